"""Raw batches for the tests, and the windows computed from them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from services.aggregator.aggregate import aggregate
from shared.domain.batches import TIMESTAMP, RawBatch
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec

DAY = datetime(2025, 12, 5, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
MINUTE_S = 60.0

Column = Sequence[float | None]


def slice_of(
    variables: Sequence[str] = ("wind_speed",),
    spec: StatisticsSpec | None = None,
    *,
    start: datetime = DAY,
    end: datetime | None = None,
    ledger: str = "",
) -> Slice:
    """A slice of turbine T01, by default the whole of 2025-12-05."""
    return Slice(
        job=7,
        asset="T01",
        start=start,
        end=end or start + ONE_DAY,
        variables=tuple(variables),
        spec=spec or StatisticsSpec(),
        trace="trace-1",
        ledger=ledger,
    )


def raw_batch(part: Slice, seconds: Sequence[float], *columns: Column) -> RawBatch:
    """A batch with one column per variable; stamps are in seconds from the slice's start."""
    stamps = [part.start + timedelta(microseconds=round(s * 1e6)) for s in seconds]
    arrays = [pa.array(stamps, TIMESTAMP), *(pa.array(column, pa.float64()) for column in columns)]
    schema = RawBatch.schema(part.variables, part.spec)
    table = pa.Table.from_arrays(arrays, schema=schema)
    return RawBatch(slices=(part,), table=table, rows=(table.num_rows,))


def joined(*raws: RawBatch) -> RawBatch:
    """One batch with the slices of all these batches."""
    return replace(
        raws[0],
        slices=tuple(slice_ for raw in raws for slice_ in raw.slices),
        table=pa.concat_tables(raw.table for raw in raws).combine_chunks(),
        rows=tuple(rows for raw in raws for rows in raw.rows),
    )


def windows(raw: RawBatch) -> list[dict[str, Any]]:
    """One row per window; the names of a single variable's columns lose their prefix."""
    rows: list[dict[str, Any]] = aggregate(raw).table.to_pylist()
    if len(raw.slices[0].variables) > 1:
        return rows
    prefix = f"{raw.slices[0].variables[0]}:"
    return [{name.removeprefix(prefix): value for name, value in row.items()} for row in rows]


def minutes(count: int) -> list[float]:
    """Stamps once a minute."""
    return [n * MINUTE_S for n in range(count)]


def first_window(values: Column, spec: StatisticsSpec | None = None) -> dict[str, Any]:
    """The first window of a day that begins with these values, one a minute."""
    return windows(raw_batch(slice_of(spec=spec), minutes(len(values)), values))[0]
