"""The windows of a slice, and values grouped by window."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.domain.batches import Slice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Windows:
    """`edges` has shape (windows + 1,), in µs since 1970: window i is [edges[i], edges[i + 1]).

    Windows are counted from the start of the slice. The last one ends with the slice, and is
    shorter where the clocks of a time zone change by less than a window.
    """

    edges: Ints

    @classmethod
    def of(cls, slice_: Slice) -> Self:
        start, end = ((edge - EPOCH) // MICROSECOND for edge in (slice_.start, slice_.end))
        return cls(np.append(np.arange(start, end, slice_.spec.window_s * SECOND_US), end))

    @property
    def starts(self) -> Ints:
        return self.edges[:-1]

    def __len__(self) -> int:
        return len(self.edges) - 1

    def expected(self, period_s: float) -> Ints:
        """(windows,): the number of samples of a complete window."""
        seconds = np.diff(self.edges) / SECOND_US
        return np.rint(seconds / period_s).astype(np.int64)


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
