"""The rows of the target's tables, made from stats batches. Pure numpy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.loader.fence import Patch
from services.loader.signals import SignalKey
from shared.domain.time_range import TimeRange, utc_datetime64

Timestamps = NDArray[np.datetime64]
Bools = NDArray[np.bool_]
Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ReplaceRange:
    """A time range of one signal. All its rows are replaced."""

    signal_id: int
    time_range: TimeRange


@dataclass(frozen=True, slots=True)
class TargetRows:
    """Rows of `data`: UTC timestamps (µs), signal ids (int32), values (float64), each (rows,)."""

    timestamp: Timestamps
    signal_id: NDArray[np.int32]
    value: NDArray[np.float64]

    @classmethod
    def concat(cls, pieces: Sequence[Self]) -> Self:
        """All pieces in the order of the primary key. If all writers keep this order, they cannot
        deadlock.
        """
        rows = cls(
            np.concatenate([np.empty(0, "datetime64[us]"), *(p.timestamp for p in pieces)]),
            np.concatenate([np.empty(0, np.int32), *(p.signal_id for p in pieces)]),
            np.concatenate([np.empty(0, np.float64), *(p.value for p in pieces)]),
        )
        if _is_ordered(rows.signal_id, rows.timestamp):
            return rows
        return rows.where(np.lexsort((rows.timestamp, rows.signal_id)))

    def __len__(self) -> int:
        return len(self.value)

    def where(self, rows: Bools | Positions) -> Self:
        """The rows of a mask, or of these positions."""
        return type(self)(self.timestamp[rows], self.signal_id[rows], self.value[rows])


def _is_ordered(ids: NDArray[np.int32], timestamps: Timestamps) -> bool:
    is_later = (ids[1:] > ids[:-1]) | ((ids[1:] == ids[:-1]) & (timestamps[1:] > timestamps[:-1]))
    return bool(is_later.all())


def target_rows(patches: Sequence[Patch], ids: Mapping[SignalKey, int]) -> TargetRows:
    """All statistics of the patches. A window without a statistic has no row."""
    return TargetRows.concat([_rows(patch, ids) for patch in patches if patch.statistic])


def _rows(patch: Patch, ids: Mapping[SignalKey, int]) -> TargetRows:
    batch = patch.batch
    values = batch.table[f"{patch.variable}:{patch.statistic}"].to_numpy()
    timestamps = _timestamps(patch)
    signal_ids = np.array([ids[key] for key in SignalKey.of_patch(patch)], np.int32)
    per_window = np.repeat(signal_ids, batch.table_rows)
    kept = _replaced(patch, timestamps) & ~np.isnan(values)
    return TargetRows(timestamps[kept], per_window[kept], values[kept])


def replace_ranges(patches: Sequence[Patch], ids: Mapping[SignalKey, int]) -> list[ReplaceRange]:
    """The ranges that the patches replace, by primary key. Adjacent ranges are joined."""
    ordered = sorted(
        (ids[key], time_range)
        for patch in patches
        for n, key in enumerate(SignalKey.of_patch(patch))
        for time_range in patch.time_ranges(n)
    )
    joined: list[ReplaceRange] = []
    for id, (start, end) in ordered:
        previous = joined[-1] if joined else None
        if previous and (previous.signal_id, previous.time_range.end) == (id, start):
            joined[-1] = ReplaceRange(id, TimeRange(previous.time_range.start, end))
        else:
            joined.append(ReplaceRange(id, TimeRange(start, end)))
    return joined


def quality_rows(patches: Sequence[Patch]) -> list[tuple[Any, ...]]:
    """Rows of `quality`: (asset, variable, window_s, timestamp, count, expected, flags) of the
    windows in which samples are missing or too many, or which have a flag.
    """
    return sorted(row for patch in patches if not patch.statistic for row in _quality_rows(patch))


def _quality_rows(patch: Patch) -> Iterator[tuple[Any, ...]]:
    table, batch = patch.batch.table, patch.batch
    count = table[f"{patch.variable}:count"].to_numpy()
    flags = table[f"{patch.variable}:flags"].to_numpy()
    expected = table["expected"].to_numpy()
    is_bad = (count != expected) | (flags != 0)
    rows = np.flatnonzero(is_bad & _replaced(patch, _timestamps(patch)))
    slices = np.searchsorted(batch.bounds, rows, side="right") - 1
    columns = (slices, count[rows], expected[rows], flags[rows])
    timestamps = table["timestamp"].take(rows).to_pylist()
    numbers = (column.tolist() for column in columns)
    for timestamp, n, *values in zip(timestamps, *numbers, strict=True):
        yield batch.slices[n].asset, patch.variable, batch.spec.window_s, timestamp, *values


def _replaced(patch: Patch, timestamps: Timestamps) -> Bools:
    """(windows,): the patch replaces the window."""
    is_replaced = np.ones(len(timestamps), np.bool_)
    bounds = patch.batch.bounds
    for n, time_ranges in patch.fenced.items():
        rows = slice(bounds[n], bounds[n + 1])
        is_replaced[rows] = False
        for start, end in time_ranges:
            is_replaced[rows] |= (timestamps[rows] >= utc_datetime64(start)) & (
                timestamps[rows] < utc_datetime64(end)
            )
    return is_replaced


def _timestamps(patch: Patch) -> Timestamps:
    """(windows,): the starts of the batch's windows."""
    timestamps: Timestamps = patch.batch.table["timestamp"].to_numpy().astype("datetime64[us]")
    return timestamps
