"""Cursors: the end of a page, bound to the query it belongs to. Opaque to clients."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from shared.domain.local_time import EARLIEST, LATEST

DIGEST_BYTES = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Key:
    """The key of the last row of a page; the asset is None where the source has no asset column."""

    timestamp: datetime
    asset: str | None = None


def fingerprint(
    source: Sequence[str | None],
    start: datetime,
    end: datetime,
    variables: Sequence[str],
    assets: Sequence[Any],
) -> bytes:
    """A short hash of everything that decides the rows and columns of a query."""
    text = orjson.dumps([source, start, end, variables, assets])
    return blake2b(text, digest_size=DIGEST_BYTES).digest()


def encode(key: Key, fingerprint: bytes) -> str:
    """The cursor that continues after `key`."""
    content = orjson.dumps([(key.timestamp - _EPOCH) // _MICROSECOND, key.asset])
    return base64.urlsafe_b64encode(fingerprint + content).rstrip(b"=").decode()


def decode(text: str, fingerprint: bytes) -> Key:
    """The key in a cursor; ValueError unless the cursor was made for this query."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        plain = base64.b64decode(padded, altchars=b"-_", validate=True)
        digest, content = plain[:DIGEST_BYTES], orjson.loads(plain[DIGEST_BYTES:])
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        raise ValueError("it cannot be decoded") from None
    if digest != fingerprint:
        raise ValueError("it belongs to another query")
    match content:
        case [int(micros), None | str() as asset] if not isinstance(micros, bool):
            return Key(_to_timestamp(micros), asset)
    raise ValueError("it cannot be decoded")


def _to_timestamp(micros: int) -> datetime:
    try:
        timestamp = _EPOCH + micros * _MICROSECOND
    except OverflowError:
        raise ValueError("its timestamp is out of range") from None
    if not EARLIEST <= timestamp <= LATEST:
        raise ValueError("its timestamp is out of range")
    return timestamp
