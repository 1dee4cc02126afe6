"""The windows of slices, and values grouped by window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.domain.slices import Slice
from shared.errors import InvalidInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of several slices, one slice after the other, in µs since 1970.

    Windows are counted from the start of their slice. The last one ends with the slice, and is
    shorter where the clocks of a time zone change by less than a window.
    """

    starts: Ints
    """(windows,)"""
    ends: Ints
    """(windows,)"""
    first: Ints
    """(slices + 1,): slice i has the windows first[i] to first[i + 1]."""
    window_us: int

    @classmethod
    def of(cls, slices: Sequence[Slice]) -> Self:
        window_us = slices[0].spec.window_s * SECOND_US
        starts, ends = (
            np.array([(edge - EPOCH) // MICROSECOND for edge in edges], np.int64)
            for edges in ([s.start for s in slices], [s.end for s in slices])
        )
        counts = -((starts - ends) // window_us)
        first = np.concatenate([[0], np.cumsum(counts)])
        position = np.arange(first[-1]) - np.repeat(first[:-1], counts)
        window_starts = np.repeat(starts, counts) + position * window_us
        window_ends = np.minimum(window_starts + window_us, np.repeat(ends, counts))
        return cls(window_starts, window_ends, first, window_us)

    def __len__(self) -> int:
        return len(self.starts)

    def expected(self, period_s: float) -> Ints:
        """(windows,): the number of samples of a complete window."""
        seconds = (self.ends - self.starts) / SECOND_US
        return np.rint(seconds / period_s).astype(np.int64)

    def numbers(self, timestamps: Ints, rows: Ints) -> Ints:
        """(samples,): the window of each timestamp, if slice i has rows[i] of them. Raises
        `InvalidInput` if one is outside its slice: its row would be lost.
        """
        starts, ends = self.starts[self.first[:-1]], self.ends[self.first[1:] - 1]
        since_start = timestamps - np.repeat(starts, rows)
        is_outside = (since_start < 0) | (timestamps >= np.repeat(ends, rows))
        if is_outside.any():
            timestamp = np.datetime64(int(timestamps[is_outside][0]), "us")
            raise InvalidInput("contract", f"a row at {timestamp}Z is outside its slice")
        return since_start // self.window_us + np.repeat(self.first[:-1], rows)


@dataclass(frozen=True, slots=True)
class Groups:
    """Consecutive values in groups without empty ones: `starts` and `sizes` of shape (groups,).

    Empty windows are left out because `ufunc.reduceat` cannot handle them: it returns the value
    that follows, or fails at the end.
    """

    starts: Ints
    sizes: Ints

    @classmethod
    def within(cls, bounds: Ints) -> Self:
        """The groups between `bounds` of shape (windows + 1,), without the empty ones."""
        sizes = np.diff(bounds)
        filled = sizes > 0
        return cls(bounds[:-1][filled], sizes[filled])

    def reduce(self, ufunc: np.ufunc, values: Floats) -> Floats:
        """(groups,): the values of each group reduced to one."""
        reduced: Floats = ufunc.reduceat(values, self.starts)
        return reduced

    def mean(self, values: Floats) -> Floats:
        return self.reduce(np.add, values) / self.sizes

    def spread(self, per_group: Floats) -> Floats:
        """(values,): for each value the value of its group."""
        return np.repeat(per_group, self.sizes)

    def first(self, is_member: Bools) -> Ints:
        """(groups,): the position of the first true value of each group. Each group has one."""
        positions = np.flatnonzero(is_member)
        return positions[np.searchsorted(positions, self.starts)]
