"""The windows of a slice, and values grouped by them."""

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

    They are counted from the slice's start; the last ends with the slice, which can make it
    shorter where a zone changes its clocks by less than a window.
    """

    edges: Ints

    @classmethod
    def of(cls, part: Slice) -> Self:
        start, end = ((stamp - EPOCH) // MICROSECOND for stamp in (part.start, part.end))
        return cls(np.append(np.arange(start, end, part.spec.window_s * SECOND_US), end))

    @property
    def starts(self) -> Ints:
        return self.edges[:-1]

    def __len__(self) -> int:
        return len(self.edges) - 1

    def expected(self, period_s: float) -> Ints:
        """Samples in each window when it is complete."""
        seconds = np.diff(self.edges) / SECOND_US
        return np.rint(seconds / period_s).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Groups:
    """Consecutive values in groups, none of them empty: `starts` and `sizes` of shape (groups,).

    Empty windows stay out because `ufunc.reduceat` does not know them: it would give the
    value that follows, or fail at the end.
    """

    starts: Ints
    sizes: Ints

    @classmethod
    def within(cls, bounds: Ints) -> Self:
        """The groups between `bounds` of shape (windows + 1,); those of no width are left out."""
        sizes = np.diff(bounds)
        filled = sizes > 0
        return cls(bounds[:-1][filled], sizes[filled])

    def reduce(self, ufunc: np.ufunc, values: Floats) -> Floats:
        """One value per group."""
        reduced: Floats = ufunc.reduceat(values, self.starts)
        return reduced

    def mean(self, values: Floats) -> Floats:
        return self.reduce(np.add, values) / self.sizes

    def spread(self, per_group: Floats) -> Floats:
        """Each group's value once for each of its members."""
        return np.repeat(per_group, self.sizes)

    def first(self, members: Bools) -> Ints:
        """Where the first true member of each group stands; every group has one."""
        at = np.flatnonzero(members)
        return at[np.searchsorted(at, self.starts)]
