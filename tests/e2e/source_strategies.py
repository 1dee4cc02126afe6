"""Samples for the source: complete ones, and ones with faults that Hypothesis draws."""

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

FIRST_DAY, SECOND_DAY = "2025-12-05", "2025-12-06"
START = datetime(2025, 12, 5, tzinfo=UTC)
MINUTE_US = 60_000_000
DAY_MINUTES = 1_440
DAYS = 2

Sample = tuple[datetime, float | None, float | None, float | None]
Column = list[float | None]


class SampleRows(list[Sample]):
    """Rows for the source. A failing test prints their number and time range, not each row."""

    def __repr__(self) -> str:
        if not self:
            return "no samples"
        return f"{len(self)} samples from {self[0][0]} to {self[-1][0]}"


def steady_samples(start: datetime, minutes: int, *, seed: int = 1) -> list[Sample]:
    """One sample per minute without gaps or missing values."""
    rng = random.Random(seed)
    return [
        (start + timedelta(minutes=n), rng.uniform(0, 25), rng.gauss(1500, 400), 12.5)
        for n in range(minutes)
    ]


# 1/1024 is exact in binary and 1/1000 is not; the sums of the oracle must be exact.
_VALUE_KINDS: dict[str, Callable[[random.Random], float]] = {
    "ordinary": lambda rng: round(rng.uniform(0, 25), 3),
    "constant": lambda _: 7.3,
    "zero": lambda _: 0.0,
    "negative": lambda rng: -rng.random() * 10**3,
    "both signs": lambda rng: rng.choice((-1, 1)) * rng.uniform(1e-3, 1e3),
    "large and close": lambda rng: 1e6 + rng.randrange(4) / 1024,
    "tiny": lambda rng: rng.uniform(1e-12, 2e-12),
}
_ODD_VALUES = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e15, -1e15)
_JITTERS_US = (-1, 1, -MINUTE_US // 4, MINUTE_US // 4, MINUTE_US // 2 + 1, MINUTE_US - 1)


@st.composite
def faulty_samples(draw: st.DrawFn, *, minutes: int) -> SampleRows:
    """Up to `minutes` scheduled samples in two days, with gaps, jitter, extra and odd values."""
    count = draw(st.sampled_from((minutes, minutes - 1, max(1, minutes // 3), 1, 0)))
    first = draw(st.integers(0, DAYS * DAY_MINUTES - minutes) | _around_midnight(minutes))
    gaps = draw(_ranges(count))
    timestamps_us = {
        n * MINUTE_US
        for n in range(first, first + count)
        if not any(a <= n - first < b for a, b in gaps)
    }
    for n, jitter in draw(st.dictionaries(_index(count), st.sampled_from(_JITTERS_US))).items():
        at_us = (first + n) * MINUTE_US
        if at_us in timestamps_us and 0 <= at_us + jitter < DAYS * DAY_MINUTES * MINUTE_US:
            timestamps_us.remove(at_us)
            timestamps_us.add(at_us + jitter)
    timestamps_us |= draw(st.sets(st.integers(0, DAYS * DAY_MINUTES * MINUTE_US - 1), max_size=5))
    ordered = sorted(timestamps_us)
    columns = [draw(_columns(len(ordered))) for _ in range(3)]
    timestamps = (START + timedelta(microseconds=at_us) for at_us in ordered)
    return SampleRows(zip(timestamps, *columns, strict=True))


@st.composite
def _columns(draw: st.DrawFn, count: int) -> Column:
    rng = random.Random(draw(st.integers(0, 2**32)))
    value = _VALUE_KINDS[draw(st.sampled_from(tuple(_VALUE_KINDS)))]
    column: Column = [value(rng) for _ in range(count)]
    for first, last in draw(_ranges(count)):
        column[first:last] = [None] * len(column[first:last])
    for n, odd in draw(st.dictionaries(_index(count), st.sampled_from(_ODD_VALUES))).items():
        if n < count:
            column[n] = odd
    return column


def _around_midnight(minutes: int) -> st.SearchStrategy[int]:
    """A first minute with which the samples cover both days, if they do not fill them."""
    return st.just(min(max(0, DAY_MINUTES - minutes // 2), DAYS * DAY_MINUTES - minutes))


def _ranges(count: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Up to six ranges of 1, 3, 10 or 60 positions."""
    range_ = st.tuples(_index(count), st.sampled_from((1, 3, 10, 60)))
    return st.lists(range_.map(lambda r: (r[0], r[0] + r[1])), max_size=6)


def _index(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, max(0, count - 1))
