"""A page of samples, and the check that pages follow each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from shared.domain.time_range import TimeRange, utc_datetime64
from shared.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class AssetRun:
    """Rows of one asset that follow each other: `first` to `end`, `end` excluded."""

    asset: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class SamplePage:
    """Columns `timestamp` and the variables, and the asset of each row."""

    table: pa.Table
    runs: Sequence[AssetRun]


def asset_runs(assets: pa.ChunkedArray) -> Iterator[AssetRun]:
    """The runs of equal values of a text column."""
    if not len(assets):
        return
    encoded = assets.combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    firsts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    names = encoded.take(firsts).to_pylist()
    ends = np.append(firsts[1:], len(codes))
    for name, first, end in zip(names, firsts.tolist(), ends.tolist(), strict=True):
        yield AssetRun(name, first, end)


class PageOrder:
    """Checks the pages of one query, one after the other. No page may divide a snapshot: the time
    range has snapshots of this length.
    """

    def __init__(self, assets: Sequence[str], time_range: TimeRange, snapshot: timedelta) -> None:
        self._left = set(assets)
        self._start, self._end = map(utc_datetime64, time_range)
        self._snapshot = np.timedelta64(snapshot)
        self._asset: str | None = None
        self._last = self._start

    def require(self, page: SamplePage) -> None:
        """Raise `InvalidInput` unless all rows are in the range and follow the rows before."""
        column = page.table["timestamp"]
        timestamps = column.to_numpy()
        firsts = np.array([run.first for run in page.runs])
        is_ordered = timestamps[1:] >= timestamps[:-1]
        is_ordered[firsts[1:] - 1] = True
        in_range = (timestamps >= self._start).all() and (timestamps < self._end).all()
        if column.null_count or not is_ordered.all() or not in_range:
            raise InvalidInput(
                "contract", "the connector sends rows that are outside the range or out of order"
            )
        for run in page.runs:
            self._require_next(run, timestamps[run.first])
            self._last = timestamps[run.end - 1]

    def _require_next(self, run: AssetRun, first: np.datetime64) -> None:
        if run.asset == self._asset:
            if first <= self._last:
                raise InvalidInput("contract", "the connector's pages do not advance")
            if self._snapshot_number(first) == self._snapshot_number(self._last):
                raise InvalidInput("contract", "the connector divides a snapshot between two pages")
        elif run.asset in self._left:
            self._left.discard(run.asset)
            self._asset = run.asset
        else:
            raise InvalidInput(
                "contract", f"the connector sends asset {run.asset} a second time or unrequested"
            )

    def _snapshot_number(self, timestamp: np.datetime64) -> int:
        return int((timestamp - self._start) // self._snapshot)
