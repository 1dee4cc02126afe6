"""The rows of the target's tables, made from stats batches. Pure numpy."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.loader.fence import Patch
from services.loader.signals import SignalKey
from shared.domain.time_range import TimeRange, utc_datetime64

Timestamps = NDArray[np.datetime64]
Bools = NDArray[np.bool_]


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
    def concat(cls, pieces: Iterable[Self]) -> Self:
        """All pieces in the order of the primary key. If all writers keep this order, they cannot
        deadlock. Each piece has one signal and is in order, and no two of them overlap.
        """
        ordered = sorted(
            (piece for piece in pieces if len(piece)),
            key=lambda p: (p.signal_id[0], p.timestamp[0]),
        )
        return cls(
            np.concatenate([np.empty(0, "datetime64[us]"), *(p.timestamp for p in ordered)]),
            np.concatenate([np.empty(0, np.int32), *(p.signal_id for p in ordered)]),
            np.concatenate([np.empty(0, np.float64), *(p.value for p in ordered)]),
        )

    def __len__(self) -> int:
        return len(self.value)

    def where(self, mask: Bools) -> Self:
        return type(self)(self.timestamp[mask], self.signal_id[mask], self.value[mask])


def target_rows(patches: Sequence[Patch], ids: Mapping[SignalKey, int]) -> TargetRows:
    """All statistics of the patches. A window without a statistic has no row."""
    return TargetRows.concat(piece for patch in patches for piece in _pieces(patch, ids))


def _pieces(patch: Patch, ids: Mapping[SignalKey, int]) -> Iterator[TargetRows]:
    """One piece for each time range, because windows of another job can lie between two ranges."""
    timestamps = _timestamps(patch)
    for key in SignalKey.of_patch(patch):
        column = patch.batch.table[f"{patch.variable}:{key.statistic}"].to_numpy()
        for start, end in patch.time_ranges:
            first, last = np.searchsorted(timestamps, [utc_datetime64(start), utc_datetime64(end)])
            values = column[first:last]
            has_value = ~np.isnan(values)
            signal_ids = np.full(int(has_value.sum()), ids[key], np.int32)
            yield TargetRows(timestamps[first:last][has_value], signal_ids, values[has_value])


def replace_ranges(patches: Sequence[Patch], ids: Mapping[SignalKey, int]) -> list[ReplaceRange]:
    """The ranges that the patches replace, by primary key. Adjacent ranges are joined."""
    ordered = sorted(
        (ids[key], time_range)
        for patch in patches
        for key in SignalKey.of_patch(patch)
        for time_range in patch.time_ranges
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
    table, slice_ = patch.batch.table, patch.batch.slice
    timestamps = _timestamps(patch)
    inside = np.zeros(len(timestamps), np.bool_)
    for start, end in patch.time_ranges:
        inside |= (timestamps >= utc_datetime64(start)) & (timestamps < utc_datetime64(end))
    count = table[f"{patch.variable}:count"].to_numpy()
    flags = table[f"{patch.variable}:flags"].to_numpy()
    expected = table["expected"].to_numpy()
    for n in np.flatnonzero(inside & ((count != expected) | (flags != 0))):
        yield (
            slice_.asset, patch.variable, slice_.spec.window_s, table["timestamp"][int(n)].as_py(),
            int(count[n]), int(expected[n]), int(flags[n]),
        )  # fmt: skip


def _timestamps(patch: Patch) -> Timestamps:
    """The starts of the batch's windows, in order."""
    timestamps: Timestamps = patch.batch.table["timestamp"].to_numpy().astype("datetime64[us]")
    return timestamps
