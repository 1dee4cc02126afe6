"""Cursors: the end of a page, bound to the query it belongs to. Opaque to clients."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from shared.domain.local_time import parse_instant

DIGEST_BYTES = 8
UTC = ZoneInfo("UTC")


class Key(NamedTuple):
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
    content = orjson.dumps([key.timestamp, key.asset])
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
        case [str(timestamp), None | str() as asset]:
            return Key(parse_instant(timestamp, UTC), asset)
    raise ValueError("it cannot be decoded")
