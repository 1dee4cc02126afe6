"""The numbers of a window against three independent computations, for inputs made up at random."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.batches import RawBatch
from shared.domain.spec import StatisticsSpec
from tests.unit import oracles
from tests.unit.batches import DAY, Column, raw_batch, slice_of, windows

DAY_US = 86_400_000_000
MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
FIGURES = ("mean", "min", "max", "std")

Samples = list[tuple[int, float | None]]
Oracle = Callable[[Sequence[datetime], Column, int], oracles.Described]

# On the minute (so on the edges and twice, too), beside it, anywhere.
on_the_minute = st.integers(0, 119).map(lambda n: n * MINUTE_US)
jittered = st.tuples(on_the_minute, st.integers(-1, 1)).map(lambda t: max(0, sum(t)))
anywhere = st.integers(0, DAY_US - 1) | st.integers(0, HOUR_US)
stamps_us = on_the_minute | jittered | anywhere | st.sampled_from([0, DAY_US - 1])

ordinary = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-100)
missing = st.sampled_from([None, math.nan, math.inf, -math.inf])
samples = st.lists(st.tuples(stamps_us, ordinary | missing), max_size=60)

against = pytest.mark.parametrize(
    "oracle",
    [oracles.by_polars, oracles.by_pandas, oracles.exactly],
    ids=["polars", "pandas", "exact"],
)


@against
@given(found=samples, ddof=st.sampled_from([0, 1]))
@example(found=[], ddof=1)
@example(found=[(0, 1.0)], ddof=0)
@example(found=[(DAY_US - 1, 1.0), (0, 2.0), (10 * MINUTE_US, 3.0)], ddof=1)
@example(found=[(n * 10 * MINUTE_US, float(n)) for n in range(144)], ddof=1)
@example(found=[(0, 1.0), (0, None), (1, math.nan), (2, 5.0)], ddof=1)
def test_any_samples_give_what_the_oracle_gives(oracle: Oracle, found: Samples, ddof: int) -> None:
    compare(found, oracle, ddof=ddof)


@against
@given(
    offset=st.sampled_from([1e3, 1e6, -1e6, 1e9]),
    spread=st.sampled_from([1e-3, 1e-6, 1e-9]),
    unit=st.lists(st.floats(-1, 1), min_size=2, max_size=40),
)
def test_any_constant_offset_keeps_extremes_and_count(
    oracle: Oracle, offset: float, spread: float, unit: list[float]
) -> None:
    values = [offset * (1 + spread * x) for x in unit]
    mine, theirs = both(once_a_minute(values), oracle, ddof=1)
    for window, figures in theirs.items():
        assert [mine[window][k] for k in ("count", "min", "max")] == [
            figures[k] for k in ("count", "min", "max")
        ]


@given(
    offset=st.sampled_from([1e3, 1e6, -1e6, 1e9, 1e15]),
    spread=st.sampled_from([1e-3, 1e-6, 1e-9, 1e-12]),
    unit=st.lists(st.floats(-1, 1), min_size=2, max_size=10),
)
def test_no_digit_is_lost_at_large_offsets(offset: float, spread: float, unit: list[float]) -> None:
    values = [offset * (1 + spread * x) for x in unit]
    mine, theirs = both(once_a_minute(values), oracles.exactly, ddof=1)
    assert mine[DAY]["mean"] == pytest.approx(theirs[DAY]["mean"], rel=3e-16)
    assert mine[DAY]["std"] == pytest.approx(theirs[DAY]["std"], rel=1e-12)


@against
@pytest.mark.parametrize("spread", [1e-3, 1e-1])
def test_a_day_around_a_million_agrees(oracle: Oracle, spread: float) -> None:
    values = 1e6 + spread * np.random.default_rng(5).standard_normal(1440)
    compare(once_a_minute(values.tolist()), oracle, rel=1e-6)


@against
@pytest.mark.parametrize("missing_of_ten", [0, 1, 5, 9])
def test_a_real_looking_day_agrees(oracle: Oracle, missing_of_ten: int) -> None:
    rng = np.random.default_rng(missing_of_ten)
    stamps = np.arange(1440) * MINUTE_US + rng.integers(0, 2_000_000, 1440)
    kept = rng.random(1440) >= missing_of_ten / 10
    values = rng.weibull(2, 1440) * 9
    compare([(int(s), float(v)) for s, v in zip(stamps[kept], values[kept], strict=True)], oracle)


@given(found=samples)
def test_the_mean_lies_between_the_extremes_and_no_deviation_is_negative(found: Samples) -> None:
    for row in windows(batch(found, ddof=1)):
        if row["count"]:
            assert row["min"] <= row["mean"] <= row["max"]
        assert (row["std"] is None) == (row["count"] < 2)
        assert row["std"] is None or row["std"] >= 0


@given(value=st.floats(allow_nan=False, allow_infinity=False), count=st.integers(2, 200))
def test_the_std_of_a_constant_is_exactly_0(value: float, count: int) -> None:
    row = windows(batch([(n * MINUTE_US // 60, value) for n in range(count)], ddof=1))[0]
    assert [row[k] for k in FIGURES] == [value, value, value, 0.0]


@given(found=st.lists(st.tuples(stamps_us, st.floats()), max_size=30))
def test_any_float_is_handled_and_no_nan_is_stored(found: Samples) -> None:
    for row in windows(batch(found, ddof=1)):
        assert all(row[k] is None or math.isfinite(row[k]) for k in FIGURES)


def once_a_minute(values: Sequence[float]) -> Samples:
    return [(n * MINUTE_US, value) for n, value in enumerate(values)]


def batch(found: Samples, ddof: int) -> RawBatch:
    part = slice_of(spec=StatisticsSpec.model_validate({"ddof": ddof}))
    return raw_batch(part, [us / 1e6 for us, _ in found], [value for _, value in found])


def both(found: Samples, oracle: Oracle, ddof: int) -> tuple[oracles.Described, oracles.Described]:
    """Our windows that are not empty, and the oracle's."""
    mine = {row["timestamp"]: row for row in windows(batch(found, ddof)) if row["count"]}
    stamps = [DAY + timedelta(microseconds=us) for us, _ in found]
    return mine, oracle(stamps, [value for _, value in found], ddof)


def compare(found: Samples, oracle: Oracle, *, ddof: int = 1, rel: float = 1e-9) -> None:
    mine, theirs = both(found, oracle, ddof)
    assert mine.keys() == theirs.keys()
    for window, figures in theirs.items():
        scale = max(abs(figures["min"] or 0), abs(figures["max"] or 0))
        for name, figure in figures.items():
            got = mine[window][name]
            assert (got is None) == (figure is None), name
            assert figure is None or got == pytest.approx(figure, rel=rel, abs=1e-12 * scale), name
