"""From pages to slices: pages end where they like, slices hold whole windows. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shared.domain.batches import TIMESTAMP, RawBatch, Slice
from shared.domain.time_range import utc_datetime64


def consecutive_runs(slices: Iterable[Slice]) -> Iterator[list[Slice]]:
    """Neighbours of one asset without a hole between them: each run is read in one go."""
    run: list[Slice] = []
    for part in slices:
        if run and (run[-1].asset, run[-1].end) != (part.asset, part.start):
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def split_into_slices(
    pages: Iterable[pa.Table], run: Sequence[Slice]
) -> Iterator[tuple[Slice, pa.Table]]:
    """Every slice of the run with its rows, also those that have none. The pages hold the rows of
    the whole run in order; no more than a slice and a page are kept.
    """
    waiting = iter(run)
    part = next(waiting)
    held = [RawBatch.schema(part.variables, part.spec).empty_table()]
    for page in pages:
        rest = page
        while rest.num_rows and rest["timestamp"][-1].as_py() >= part.end:
            first = int(np.searchsorted(rest["timestamp"].to_numpy(), utc_datetime64(part.end)))
            yield part, pa.concat_tables([*held, rest.slice(0, first)])
            part, held, rest = next(waiting), held[:1], rest.slice(first)
        held.append(rest)
    yield part, pa.concat_tables(held)
    for part in waiting:
        yield part, held[0]


def shift_timestamps(page: pa.Table, back: timedelta) -> pa.Table:
    """The page with its stamps moved back: from the end of a sample to its start."""
    stamps = pc.subtract(page["timestamp"], pa.scalar(back, pa.duration("us"))).cast(TIMESTAMP)
    return page.set_column(0, "timestamp", stamps)
