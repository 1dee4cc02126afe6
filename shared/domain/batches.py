"""The two messages of the pipeline, RawBatch and StatsBatch, and their encoding.

Both are stream entries with readable fields, so that a person can look at them with `XRANGE`, and a
`payload`: one Arrow table. The checksum covers all fields.
"""

import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import pyarrow as pa
from pydantic import ValidationError

from shared.domain import arrow_codec, fingerprint
from shared.domain.job_request import FIRST_DAY, LAST_DAY, MAX_VARIABLES
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import TimeRange
from shared.errors import InvalidInput

VERSION = b"1"
# Far more than the header of any job that the API accepts.
MAX_HEADER_BYTES = 2**17
MAX_MS = 1e12  # 30 years
MAX_JOB = 10**18 - 1  # fits into a bigint
MAX_ROWS = 10**9 - 1
ERROR_CHARS = 500
FIELDS = {
    b"v", b"job", b"attempt", b"asset", b"start", b"end", b"variables", b"spec", b"trace", b"rows",
    b"extract_ms", b"aggregate_ms", b"size", b"checksum", b"payload",
}  # fmt: skip
TIMESTAMP = pa.timestamp("us", tz="UTC")
_FINGERPRINT = re.compile(fingerprint.TEXT_PATTERN)
Fields = dict[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One time range of one asset of a job: the unit that is published, computed and replaced.

    `start` and `end` are in UTC, `end` excluded. (job, asset, start) is the identity of a slice.
    The empty string is the asset of a source without asset column. `attempt` is the attempt at the
    job that published the slice.
    """

    job: int
    asset: str
    start: datetime
    end: datetime
    variables: tuple[str, ...]
    spec: StatisticsSpec
    trace: str = ""
    attempt: int = 1

    @property
    def time_range(self) -> TimeRange:
        return TimeRange(self.start, self.end)

    @property
    def identity(self) -> tuple[int, str, datetime]:
        return self.job, self.asset, self.start


@dataclass(frozen=True, kw_only=True)
class Batch(ABC):
    """A slice with its table and the milliseconds that each stage has spent on it so far."""

    slice: Slice
    table: pa.Table
    rows: int
    extract_ms: float = 0.0
    aggregate_ms: float = 0.0

    fields: ClassVar[frozenset[bytes]] = frozenset(FIELDS)

    @classmethod
    @abstractmethod
    def schema(cls, variables: Iterable[str], spec: StatisticsSpec) -> pa.Schema:
        """The columns of the payload."""

    def encode(self) -> Fields:
        """The fields of the stream entry."""
        payload, size = arrow_codec.pack(self.table)
        s = self.slice
        header: Fields = {
            "v": VERSION,
            "job": str(s.job).encode(),
            "attempt": str(s.attempt).encode(),
            "asset": s.asset.encode(),
            "start": _format_timestamp(s.start),
            "end": _format_timestamp(s.end),
            "variables": ",".join(s.variables).encode(),
            "spec": s.spec.model_dump_json().encode(),
            "trace": s.trace.encode(),
            "rows": str(self.rows).encode(),
            "extract_ms": f"{self.extract_ms:.3f}".encode(),
            "aggregate_ms": f"{self.aggregate_ms:.3f}".encode(),
            "size": str(size).encode(),
            **self._extra_header(),
        }
        return {**header, "checksum": _checksum(header.values(), payload), "payload": payload}

    @classmethod
    def decode(cls, fields: Mapping[bytes, bytes]) -> Self:
        """Read the fields of a stream entry; raises `InvalidInput` if anything in them is wrong."""
        _require_published_fields(fields, cls.fields)
        try:
            text = {k.decode(): v.decode() for k, v in fields.items() if k != b"payload"}
            slice_ = _parse_slice(text)
            size, rows = int(text["size"]), _parse_whole_number(text["rows"], MAX_ROWS)
            own = {
                k: _parse_ms(text[k]) for k in ("extract_ms", "aggregate_ms")
            } | cls._decode_extra(text, slice_)
        except (KeyError, ValueError, ValidationError) as error:
            raise InvalidInput("schema", f"the entry's fields: {error}"[:ERROR_CHARS]) from None
        _require_bounded(slice_)
        schema = cls.schema(slice_.variables, slice_.spec)
        table = arrow_codec.unpack(fields[b"payload"], size, schema)
        return cls(slice=slice_, table=table, rows=rows, **own)

    def _extra_header(self) -> Fields:
        """The additional header fields of this kind of batch."""
        return {}

    @classmethod
    def _decode_extra(cls, text: Mapping[str, str], slice_: Slice) -> dict[str, Any]:
        """The attributes from the additional header fields; raises ValueError if one is wrong."""
        return {}


class RawBatch(Batch):
    """The samples of a slice as they were read: `timestamp` and one float64 column per variable.

    A timestamp is the start of its sample. Null is a missing value. NaN and infinities are kept.
    """

    @classmethod
    def schema(cls, variables: Iterable[str], spec: StatisticsSpec) -> pa.Schema:
        return pa.schema([("timestamp", TIMESTAMP), *((v, pa.float64()) for v in variables)])


@dataclass(frozen=True, kw_only=True)
class StatsBatch(Batch):
    """The windows of a slice, and the fingerprint of each variable's samples
    (`shared.domain.fingerprint`).

    Columns: `timestamp` (the start of the window), `expected` (the samples of a complete window),
    and per variable `<variable>:count`, `<variable>:flags` and one nullable float64 column per
    statistic.
    """

    fingerprints: tuple[str, ...]

    fields: ClassVar[frozenset[bytes]] = frozenset(FIELDS | {b"fingerprints"})

    @classmethod
    def schema(cls, variables: Iterable[str], spec: StatisticsSpec) -> pa.Schema:
        columns: list[tuple[str, pa.DataType]] = [
            ("timestamp", TIMESTAMP),
            ("expected", pa.int64()),
        ]
        for variable in variables:
            columns += [(f"{variable}:count", pa.int64()), (f"{variable}:flags", pa.int64())]
            columns += [(f"{variable}:{s}", pa.float64()) for s in spec.statistics]
        return pa.schema(columns)

    def _extra_header(self) -> Fields:
        return {"fingerprints": ",".join(self.fingerprints).encode()}

    @classmethod
    def _decode_extra(cls, text: Mapping[str, str], slice_: Slice) -> dict[str, Any]:
        values, count = tuple(text["fingerprints"].split(",")), len(slice_.variables)
        if len(values) != count or not all(map(_FINGERPRINT.fullmatch, values)):
            raise ValueError(f"fingerprints are {count} times 16 hexadecimal digits")
        return {"fingerprints": values}


def _require_published_fields(fields: Mapping[bytes, bytes], names: frozenset[bytes]) -> None:
    """Raise `InvalidInput` unless version, size, checksum and field names are right. This comes
    before any value is interpreted.
    """
    if fields.get(b"v") != VERSION:
        raise InvalidInput(
            "version", f"v={fields.get(b'v', b'')[:20]!r}: this release reads {VERSION!r}"
        )
    header = [v for k, v in fields.items() if k not in (b"checksum", b"payload")]
    if sum(len(k) + len(v) for k, v in fields.items() if k != b"payload") > MAX_HEADER_BYTES:
        raise InvalidInput("too_large", f"the header has more than {MAX_HEADER_BYTES} bytes")
    if fields.get(b"checksum") != _checksum(header, fields.get(b"payload", b"")):
        raise InvalidInput("checksum", "the entry is not what was published")
    if wrong := set(fields) ^ names:
        raise InvalidInput("schema", f"missing or unknown field {min(wrong)[:50]!r}")


def _parse_slice(text: Mapping[str, str]) -> Slice:
    """The slice that the header describes; raises ValueError if no job can have such a slice."""
    slice_ = Slice(
        job=_parse_whole_number(text["job"], MAX_JOB),
        attempt=_parse_whole_number(text["attempt"], MAX_JOB),
        asset=text["asset"],
        start=_parse_timestamp(text["start"]),
        end=_parse_timestamp(text["end"]),
        variables=tuple(text["variables"].split(",")),
        spec=StatisticsSpec.model_validate_json(text["spec"]),
        trace=text["trace"],
    )
    if len(slice_.variables) > MAX_VARIABLES or len(set(slice_.variables)) < len(slice_.variables):
        raise ValueError(f"variables are at most {MAX_VARIABLES}, each of them once")
    _require_span(slice_)
    return slice_


def _require_span(slice_: Slice) -> None:
    """Raise ValueError unless the time range is positive and at most `slice_s` long."""
    if not 0 < (slice_.end - slice_.start).total_seconds() <= slice_.spec.slice_s:
        raise ValueError(
            f"{slice_.start} to {slice_.end} is not a slice of up to {slice_.spec.slice_s} s"
        )
    # In other time zones the first day starts earlier and the last day ends later.
    if not FIRST_DAY.year - 1 <= slice_.start.year <= LAST_DAY.year + 1:
        raise ValueError(f"{slice_.start} is not between {FIRST_DAY} and {LAST_DAY}")


def _require_bounded(slice_: Slice) -> None:
    """Raise `InvalidInput` if the statistics of the slice would be too large: a header of a few
    bytes can describe a huge table.
    """
    windows = -((slice_.start - slice_.end) // timedelta(seconds=slice_.spec.window_s))
    size = 8 * windows * (2 + len(slice_.variables) * (2 + len(slice_.spec.statistics)))
    if size > arrow_codec.MAX_TABLE_BYTES:
        raise InvalidInput("too_large", f"{windows} windows make a table of {size} bytes")


def _parse_whole_number(text: str, maximum: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(maximum))):
        raise ValueError(f"{text[:50]!r} is not a whole number up to {maximum}")
    return int(text)


def _parse_ms(text: str) -> float:
    if not 0 <= (ms := float(text)) <= MAX_MS:
        raise ValueError(f"{text[:50]!r} is not a time in milliseconds")
    return ms


def _checksum(header: Iterable[bytes], payload: bytes) -> bytes:
    crc = zlib.crc32(payload, zlib.crc32(b"\x1f".join(header)))
    return f"{crc:08x}".encode()


def _format_timestamp(timestamp: datetime) -> bytes:
    return timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def _parse_timestamp(text: str) -> datetime:
    # Much faster than strptime, but it accepts more formats: so compare with the formatted text.
    timestamp = datetime.fromisoformat(text if text.endswith("Z") else "")
    if _format_timestamp(timestamp) != text.encode():
        raise ValueError(f"{text!r} is not a timestamp such as 2025-12-05T00:00:00Z")
    return timestamp
