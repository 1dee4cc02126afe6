"""The two messages of the pipeline, RawBatch and StatsBatch: each has many slices of one job.

Both are stream entries with readable fields, so that a person can look at them with `XRANGE`, and a
`payload`: one Arrow table with the rows of all slices, one slice after the other.
`shared.domain.batch_header` describes the fields.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shared.domain import arrow_codec, batch_header
from shared.domain.batch_header import Fields
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput

TIMESTAMP = pa.timestamp("us", tz="UTC")
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Batch(ABC):
    """Slices of one job with their table, and the milliseconds that each stage has spent on all of
    them so far. `rows` has the number of samples of each slice.
    """

    slices: tuple[Slice, ...]
    table: pa.Table
    rows: tuple[int, ...]
    extract_ms: float = 0.0
    aggregate_ms: float = 0.0

    field_names: ClassVar[frozenset[bytes]] = batch_header.NAMES

    @classmethod
    @abstractmethod
    def schema(cls, variables: Iterable[str], spec: StatisticsSpec) -> pa.Schema:
        """The columns of the payload."""

    @property
    @abstractmethod
    def table_rows(self) -> Sequence[int]:
        """The number of rows that each slice has in the table."""

    @property
    def variables(self) -> tuple[str, ...]:
        return self.slices[0].variables

    @property
    def spec(self) -> StatisticsSpec:
        return self.slices[0].spec

    @property
    def job(self) -> int:
        return self.slices[0].job

    @property
    def attempt(self) -> int:
        return self.slices[0].attempt

    @property
    def ledger(self) -> str:
        return self.slices[0].ledger

    @property
    def bounds(self) -> Ints:
        """(slices + 1,): slice i has the rows bounds[i] to bounds[i + 1] of the table."""
        return np.concatenate([[0], np.cumsum(self.table_rows, dtype=np.int64)])

    def take(self, positions: Sequence[int]) -> Self:
        """The batch with only these of its slices, in this order."""
        if list(positions) == list(range(len(self.slices))):
            return self
        bounds = self.bounds
        pieces = [self.table.slice(bounds[n], bounds[n + 1] - bounds[n]) for n in positions]
        share = len(positions) / len(self.slices)
        return replace(
            self,
            slices=tuple(self.slices[n] for n in positions),
            table=pa.concat_tables(pieces),
            rows=tuple(self.rows[n] for n in positions),
            extract_ms=self.extract_ms * share,
            aggregate_ms=self.aggregate_ms * share,
        )

    def encode(self) -> Fields:
        """The fields of the stream entry."""
        payload, size = arrow_codec.pack(self.table)
        header = batch_header.header_of(
            self.slices, self.rows, size=size,
            extract_ms=self.extract_ms, aggregate_ms=self.aggregate_ms,
        )  # fmt: skip
        return batch_header.seal({**header, **self._extra_header()}, payload)

    @classmethod
    def decode(cls, fields: Mapping[bytes, bytes]) -> Self:
        """Read the fields of a stream entry; raises `InvalidInput` if anything in them is wrong."""
        text = batch_header.open_entry(fields, cls.field_names)
        with batch_header.schema_errors():
            header = batch_header.parse(text)
            extra = cls._decode_extra(text, header.slices)
        batch_header.require_bounded(header.slices)
        first = header.slices[0]
        schema = cls.schema(first.variables, first.spec)
        table = arrow_codec.unpack(fields[b"payload"], header.size, schema)
        batch = cls(
            slices=header.slices, table=table, rows=header.rows,
            extract_ms=header.extract_ms, aggregate_ms=header.aggregate_ms, **extra,
        )  # fmt: skip
        if table.num_rows != (expected := sum(batch.table_rows)):
            raise InvalidInput(
                "schema", f"the table has {table.num_rows} rows, its header says {expected}"
            )
        return batch

    @classmethod
    def halves(cls, fields: Mapping[bytes, bytes]) -> list[Fields]:
        """Two entries with half of the slices each; none if the entry has one slice, or cannot be
        decoded.
        """
        try:
            batch = cls.decode(fields)
        except InvalidInput:
            return []
        if (count := len(batch.slices)) < 2:
            return []
        middle = count // 2
        positions = range(count)
        return [batch.take(half).encode() for half in (positions[:middle], positions[middle:])]

    def _extra_header(self) -> Fields:
        """The additional header fields of this kind of batch."""
        return {}

    @classmethod
    def _decode_extra(cls, text: Mapping[str, str], slices: Sequence[Slice]) -> dict[str, Any]:
        """The attributes from the additional header fields; raises ValueError if one is wrong."""
        return {}


class RawBatch(Batch):
    """The samples of the slices as they were read: `timestamp` and one float64 column per variable.

    A timestamp is the start of its sample. Null is a missing value. NaN and infinities are kept.
    """

    @classmethod
    def schema(cls, variables: Iterable[str], spec: StatisticsSpec) -> pa.Schema:
        return pa.schema([("timestamp", TIMESTAMP), *((v, pa.float64()) for v in variables)])

    @property
    def table_rows(self) -> Sequence[int]:
        return self.rows


@dataclass(frozen=True, kw_only=True)
class StatsBatch(Batch):
    """The windows of the slices, and of each slice the fingerprints of its variables' samples
    (`shared.domain.fingerprint`).

    Columns: `timestamp` (the start of the window), `expected` (the samples of a complete window),
    and per variable `<variable>:count`, `<variable>:flags` and one nullable float64 column per
    statistic.
    """

    fingerprints: tuple[tuple[str, ...], ...]

    field_names: ClassVar[frozenset[bytes]] = batch_header.NAMES | {b"fingerprints"}

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

    @property
    def table_rows(self) -> Sequence[int]:
        return [slice_.windows for slice_ in self.slices]

    def take(self, positions: Sequence[int]) -> Self:
        taken = super().take(positions)
        return replace(taken, fingerprints=tuple(self.fingerprints[n] for n in positions))

    def _extra_header(self) -> Fields:
        return {"fingerprints": batch_header.format_fingerprints(self.fingerprints)}

    @classmethod
    def _decode_extra(cls, text: Mapping[str, str], slices: Sequence[Slice]) -> dict[str, Any]:
        return {"fingerprints": batch_header.parse_fingerprints(text["fingerprints"], slices)}
