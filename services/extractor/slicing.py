"""Divides pages of samples into slices, and joins slices to batches: a page may end anywhere, a
slice holds whole windows.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.extractor.sample_page import SamplePage
from services.extractor.slice_size import require_fit
from shared.domain.batch_header import statistics_bytes
from shared.domain.batches import TIMESTAMP, RawBatch
from shared.domain.slices import Identity, Slice
from shared.domain.time_range import utc_datetime64

BATCH_BYTES = 2 * 2**20
"""A batch with so many bytes of samples, or of statistics that will be computed from them, gets no
further slice.
"""


@dataclass(slots=True)
class SampleGroup:
    """Slices with their samples, which will be one batch: rows[i] of slice i, in `pieces`."""

    slices: list[Slice] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    pieces: list[pa.Table] = field(default_factory=list)
    statistics_bytes: int = 0

    def add(self, slice_: Slice, piece: pa.Table | None) -> None:
        """Append rows of the last slice or of the next one; `InvalidInput` if it has too many."""
        if not self.slices or self.slices[-1] != slice_:
            self.slices.append(slice_)
            self.rows.append(0)
            self.statistics_bytes += statistics_bytes([slice_])
        if piece is not None:
            self.rows[-1] += piece.num_rows
            require_fit(slice_, self.rows[-1])
            self.pieces.append(piece)

    def is_full_before(self, slice_: Slice, max_bytes: int) -> bool:
        """Whether a further slice must go into another batch."""
        if not self.slices or self.slices[-1] == slice_:
            return False
        return (
            sum(self.rows) * 8 * (1 + len(slice_.variables)) >= max_bytes
            or self.statistics_bytes + statistics_bytes([slice_]) > max_bytes
        )

    def table(self) -> pa.Table:
        """The samples of all slices in one piece."""
        first = self.slices[0]
        empty = RawBatch.schema(first.variables, first.spec).empty_table()
        return pa.concat_tables([empty, *self.pieces]).combine_chunks()


def group_into_batches(
    pieces: Iterable[tuple[Slice, pa.Table | None]], *, max_bytes: int = BATCH_BYTES
) -> Iterator[SampleGroup]:
    """The slices of `slices_with_rows`, in groups for one batch each; at most one group and one
    page are in memory.
    """
    group = SampleGroup()
    for slice_, piece in pieces:
        if group.is_full_before(slice_, max_bytes):
            yield group
            group = SampleGroup()
        group.add(slice_, piece)
    if group.slices:
        yield group


def slices_with_rows(
    pages: Iterable[SamplePage], runs: Sequence[Sequence[Slice]]
) -> Iterator[tuple[Slice, pa.Table | None]]:
    """The rows of each slice, in one piece for each page, then the slices without rows. The runs
    have the same consecutive time ranges for different assets; the pages hold all their rows.
    """
    by_asset = {run[0].asset: run for run in runs}
    seen: set[Identity] = set()
    for page in pages:
        for slice_, piece in _pieces(page, by_asset):
            seen.add(slice_.identity)
            yield slice_, piece
    for slice_ in chain.from_iterable(runs):
        if slice_.identity not in seen:
            yield slice_, None


def _pieces(
    page: SamplePage, by_asset: dict[str, Sequence[Slice]]
) -> Iterator[tuple[Slice, pa.Table]]:
    """The rows of each slice on the page."""
    timestamps = page.table["timestamp"].to_numpy()
    slices = next(iter(by_asset.values()))
    ends = np.array([utc_datetime64(slice_.end) for slice_ in slices])
    for run in page.runs:
        bounds = run.first + np.searchsorted(timestamps[run.first : run.end], ends)
        first = run.first
        for slice_, end in zip(by_asset[run.asset], bounds.tolist(), strict=True):
            if end > first:
                yield slice_, page.table.slice(first, end - first)
                first = end


def shift_timestamps(page: SamplePage, offset: timedelta) -> SamplePage:
    """The page with timestamps that are earlier by `offset`: starts of samples instead of ends."""
    shifted = pc.subtract(page.table["timestamp"], pa.scalar(offset, pa.duration("us")))
    table = page.table.set_column(0, "timestamp", shifted.cast(TIMESTAMP))
    return SamplePage(table, page.runs)
