"""Splits pages of samples into slices: a page may end anywhere, a slice holds whole windows."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shared.domain.batches import TIMESTAMP, RawBatch, Slice
from shared.domain.time_range import utc_datetime64


def consecutive_runs(slices: Iterable[Slice]) -> Iterator[list[Slice]]:
    """Runs of adjacent slices of one asset; each run is read with one query."""
    run: list[Slice] = []
    for slice_ in slices:
        if run and (run[-1].asset, run[-1].end) != (slice_.asset, slice_.start):
            yield run
            run = []
        run.append(slice_)
    if run:
        yield run


def split_into_slices(
    pages: Iterable[pa.Table], run: Sequence[Slice]
) -> Iterator[tuple[Slice, pa.Table]]:
    """Each slice of the run with its rows, also if it has none. The pages hold the rows of the
    whole run in order; at most one slice and one page are in memory.
    """
    remaining = iter(run)
    slice_ = next(remaining)
    tables = [RawBatch.schema(slice_.variables, slice_.spec).empty_table()]
    for page in pages:
        rest = page
        while rest.num_rows and rest["timestamp"][-1].as_py() >= slice_.end:
            end = int(np.searchsorted(rest["timestamp"].to_numpy(), utc_datetime64(slice_.end)))
            yield slice_, pa.concat_tables([*tables, rest.slice(0, end)])
            slice_, tables, rest = next(remaining), tables[:1], rest.slice(end)
        tables.append(rest)
    yield slice_, pa.concat_tables(tables)
    for slice_ in remaining:
        yield slice_, tables[0]


def shift_timestamps(page: pa.Table, offset: timedelta) -> pa.Table:
    """The page with timestamps that are earlier by `offset`: starts of samples instead of ends."""
    shifted = pc.subtract(page["timestamp"], pa.scalar(offset, pa.duration("us")))
    return page.set_column(0, "timestamp", shifted.cast(TIMESTAMP))
