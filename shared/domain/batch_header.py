"""The header of a batch: the readable fields of a stream entry, beside its payload.

| Field | Value |
| -- | -- |
| `v` | version of the format |
| `ledger`, `job`, `attempt`, `trace` | the ledger, its job, the attempt at the job, the trace |
| `variables`, `spec` | names separated by commas; the statistics specification as JSON |
| `slices` | JSON: a list of `[asset, start, end, samples]` |
| `fingerprints` | of a stats batch: all variables of the first slice, then of the next one, … |
| `extract_ms`, `aggregate_ms` | the work of the stages so far |
| `size`, `checksum` | bytes of the unpacked payload; the CRC-32 of all other fields |

A release reads its own version and the version before it, and writes its own
(docs/upgrade.md).
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from shared.domain import arrow_codec, fingerprint
from shared.domain.job_request import FIRST_DAY, LAST_DAY, MAX_VARIABLES
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput

VERSION = b"2"
PREVIOUS_VERSION = b"1"
MAX_SLICES = 1_000
# More than the header of any batch that the extractor publishes.
MAX_HEADER_BYTES = 4 * 2**20
MAX_MS = 1e12  # 30 years
MAX_JOB = 10**18 - 1  # fits into a bigint
MAX_ROWS = 10**9 - 1
ERROR_CHARS = 500
NAMES = frozenset({
    b"v", b"ledger", b"job", b"attempt", b"slices", b"variables", b"spec", b"trace",
    b"extract_ms", b"aggregate_ms", b"size", b"checksum", b"payload",
})  # fmt: skip
_FINGERPRINTS = re.compile(f"({fingerprint.TEXT_PATTERN},)*{fingerprint.TEXT_PATTERN}")
_LEDGER = re.compile(r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?")
Fields = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Header:
    """What the fields say. `rows` has the number of samples of each slice."""

    slices: tuple[Slice, ...]
    rows: tuple[int, ...]
    size: int
    extract_ms: float
    aggregate_ms: float


def header_of(
    slices: Sequence[Slice],
    rows: Sequence[int],
    *,
    size: int,
    extract_ms: float,
    aggregate_ms: float,
) -> Fields:
    """The header fields of these slices, all of one job."""
    first = slices[0]
    listed = [
        [s.asset, _format_timestamp(s.start), _format_timestamp(s.end), count]
        for s, count in zip(slices, rows, strict=True)
    ]
    return {
        "v": VERSION,
        "ledger": first.ledger.encode(),
        "job": str(first.job).encode(),
        "attempt": str(first.attempt).encode(),
        "slices": orjson.dumps(listed),
        "variables": ",".join(first.variables).encode(),
        "spec": first.spec.model_dump_json().encode(),
        "trace": first.trace.encode(),
        "extract_ms": f"{extract_ms:.3f}".encode(),
        "aggregate_ms": f"{aggregate_ms:.3f}".encode(),
        "size": str(size).encode(),
    }


def seal(header: Fields, payload: bytes) -> Fields:
    """The header with its checksum, and the payload."""
    return {**header, "checksum": checksum(header.values(), payload), "payload": payload}


def checksum(header: Iterable[bytes], payload: bytes) -> bytes:
    """The CRC-32 of all values, as text."""
    crc = zlib.crc32(payload, zlib.crc32(b"\x1f".join(header)))
    return f"{crc:08x}".encode()


def open_entry(fields: Mapping[bytes, bytes], names: frozenset[bytes]) -> dict[str, str]:
    """The header as text, in the fields of this version. Raises `InvalidInput` unless version,
    size, checksum and field names are right; this comes before any value is interpreted.
    """
    version = fields.get(b"v")
    if version not in (VERSION, PREVIOUS_VERSION):
        known = f"{PREVIOUS_VERSION!r} and {VERSION!r}"
        raise InvalidInput("version", f"v={(version or b'')[:20]!r}: this release reads {known}")
    header = {k: v for k, v in fields.items() if k != b"payload"}
    if sum(len(k) + len(v) for k, v in header.items()) > MAX_HEADER_BYTES:
        raise InvalidInput("too_large", f"the header has more than {MAX_HEADER_BYTES} bytes")
    values = [v for k, v in header.items() if k != b"checksum"]
    if fields.get(b"checksum") != checksum(values, fields.get(b"payload", b"")):
        raise InvalidInput("checksum", "the entry is not what was published")
    expected = names if version == VERSION else _names_of_previous_version(names)
    if wrong := set(fields) ^ expected:
        raise InvalidInput("schema", f"missing or unknown field {min(wrong)[:50]!r}")
    with schema_errors():
        text = {k.decode(): v.decode() for k, v in header.items()}
    return text if version == VERSION else _from_previous_version(text)


@contextmanager
def schema_errors() -> Iterator[None]:
    """Turn the errors of parsing into `InvalidInput`."""
    try:
        yield
    except (ValueError, ValidationError) as error:
        raise InvalidInput("schema", f"the entry's fields: {error}"[:ERROR_CHARS]) from None


def parse(text: Mapping[str, str]) -> Header:
    """The header; raises ValueError if no job can have such a batch."""
    common = {
        "job": _parse_whole_number(text["job"], MAX_JOB),
        "attempt": _parse_whole_number(text["attempt"], MAX_JOB),
        "variables": _parse_variables(text["variables"]),
        "spec": StatisticsSpec.model_validate_json(text["spec"]),
        "trace": text["trace"],
        "ledger": text["ledger"],
    }
    listed = _parse_list(text["slices"])
    slices = tuple(_parse_slice(item, common) for item in listed)
    if len({(s.asset, s.start) for s in slices}) < len(slices):
        raise ValueError("one slice is listed twice")
    if not _LEDGER.fullmatch(text["ledger"]):
        raise ValueError(f"{text['ledger'][:50]!r} is not the identity of a ledger")
    return Header(
        slices=slices,
        rows=tuple(item[3] for item in listed),
        size=int(text["size"]),
        extract_ms=_parse_ms(text["extract_ms"]),
        aggregate_ms=_parse_ms(text["aggregate_ms"]),
    )


def format_fingerprints(fingerprints: Iterable[Sequence[str]]) -> bytes:
    """The field of the fingerprints of all slices."""
    return ",".join(text for of_slice in fingerprints for text in of_slice).encode()


def parse_fingerprints(text: str, slices: Sequence[Slice]) -> tuple[tuple[str, ...], ...]:
    """The fingerprints of each slice; ValueError unless each variable of each slice has one."""
    count = len(slices[0].variables)
    values = text.split(",")
    if len(values) != count * len(slices) or not _FINGERPRINTS.fullmatch(text):
        raise ValueError(f"fingerprints are {count * len(slices)} times 16 hexadecimal digits")
    return tuple(tuple(values[n : n + count]) for n in range(0, len(values), count))


def statistics_bytes(slices: Iterable[Slice]) -> int:
    """The size of the statistics of slices of one job, before compression."""
    return sum(
        8 * slice_.windows * (2 + len(slice_.variables) * (2 + len(slice_.spec.statistics)))
        for slice_ in slices
    )


def require_bounded(slices: Sequence[Slice]) -> None:
    """Raise `InvalidInput` if the statistics of the slices would be too large: a header of a few
    bytes can describe a huge table.
    """
    if (size := statistics_bytes(slices)) > arrow_codec.MAX_TABLE_BYTES:
        windows = sum(slice_.windows for slice_ in slices)
        raise InvalidInput("too_large", f"{windows} windows make a table of {size} bytes")


def _parse_list(text: str) -> list[list[Any]]:
    listed = orjson.loads(text)
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_SLICES:
        raise ValueError(f"slices are a list of 1 to {MAX_SLICES}")
    return listed


def _parse_slice(item: Any, common: Mapping[str, Any]) -> Slice:
    match item:
        case [str(asset), str(start), str(end), int(rows)] if 0 <= rows <= MAX_ROWS and not (
            isinstance(rows, bool)
        ):
            slice_ = Slice(
                asset=asset, start=_parse_timestamp(start), end=_parse_timestamp(end), **common
            )
            _require_span(slice_)
            return slice_
    raise ValueError(f"{str(item)[:100]} is not [asset, start, end, samples]")


def _parse_variables(text: str) -> tuple[str, ...]:
    variables = tuple(text.split(","))
    if len(variables) > MAX_VARIABLES or len(set(variables)) < len(variables):
        raise ValueError(f"variables are at most {MAX_VARIABLES}, each of them once")
    return variables


def _require_span(slice_: Slice) -> None:
    """Raise ValueError unless the time range is positive and at most `slice_s` long."""
    if not 0 < (slice_.end - slice_.start).total_seconds() <= slice_.spec.slice_s:
        raise ValueError(
            f"{slice_.start} to {slice_.end} is not a slice of up to {slice_.spec.slice_s} s"
        )
    # In other time zones the first day starts earlier and the last day ends later.
    if not FIRST_DAY.year - 1 <= slice_.start.year <= LAST_DAY.year + 1:
        raise ValueError(f"{slice_.start} is not between {FIRST_DAY} and {LAST_DAY}")


def _parse_whole_number(text: str, maximum: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(maximum))):
        raise ValueError(f"{text[:50]!r} is not a whole number up to {maximum}")
    return int(text)


def _parse_ms(text: str) -> float:
    if not 0 <= (ms := float(text)) <= MAX_MS:
        raise ValueError(f"{text[:50]!r} is not a time in milliseconds")
    return ms


def _format_timestamp(timestamp: datetime) -> str:
    return timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_timestamp(text: str) -> datetime:
    # Much faster than strptime, but it accepts more formats: so compare with the formatted text.
    timestamp = datetime.fromisoformat(text if text.endswith("Z") else "")
    if _format_timestamp(timestamp) != text:
        raise ValueError(f"{text!r} is not a timestamp such as 2025-12-05T00:00:00Z")
    return timestamp


def _names_of_previous_version(names: frozenset[bytes]) -> frozenset[bytes]:
    """Version 1 had one slice in an entry, and did not name the ledger."""
    return (names - {b"slices", b"ledger"}) | {b"asset", b"start", b"end", b"rows"}


def _from_previous_version(text: Mapping[str, str]) -> dict[str, str]:
    with schema_errors():
        rows = _parse_whole_number(text["rows"], MAX_ROWS)
    slices = orjson.dumps([[text["asset"], text["start"], text["end"], rows]]).decode()
    return {**text, "ledger": "", "slices": slices}
