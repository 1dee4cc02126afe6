"""Directions: statistics of angles in degrees."""

import cmath
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.quality_flags import Flag
from shared.domain.spec import StatisticsSpec
from tests.unit.batches import first_window

DIRECTION = StatisticsSpec(circular_variables=("wind_speed",))
angles = st.floats(0, 360, exclude_max=True)


def directions(*values: float | None, spec: StatisticsSpec = DIRECTION) -> dict[str, Any]:
    return first_window(values, spec)


def test_the_mean_of_directions_around_north_is_north() -> None:
    assert directions(350.0, 10.0)["mean"] % 360 == pytest.approx(0.0, abs=1e-12)


def test_the_mean_is_below_360_even_where_rounding_would_reach_it() -> None:
    assert 0 <= directions(-1e-20, 1e-20)["mean"] < 360


def test_min_and_max_are_the_samples_furthest_left_and_right_of_the_mean() -> None:
    row = directions(350.0, 355.0, 20.0, 5.0)
    assert (row["min"], row["max"]) == (350.0, 20.0)


def test_min_and_max_are_angles_below_360() -> None:
    row = directions(-5.0, 365.0)
    assert (row["min"], row["max"]) == (355.0, 5.0)


def test_a_sample_at_north_is_the_minimum_0_and_not_360() -> None:
    assert directions(0.0, 10.0, 20.0)["min"] == 0.0


def test_the_deviation_is_that_of_the_resultant() -> None:
    resultant = math.cos(math.radians(10))
    expected = math.degrees(math.sqrt(-2 * math.log(resultant)))
    assert directions(350.0, 10.0)["std"] == pytest.approx(expected, rel=1e-12)


def test_the_deviation_of_a_small_spread_is_the_linear_one() -> None:
    row = directions(90.0, 90.0 + 1e-6)
    assert row["std"] == pytest.approx(0.5e-6, rel=1e-6)


def test_ddof_does_not_apply() -> None:
    spec = DIRECTION.model_copy(update={"ddof": 0})
    assert directions(80.0, 100.0) == directions(80.0, 100.0, spec=spec)


def test_one_direction_has_no_deviation() -> None:
    expected = {"count": 1, "mean": 77.7, "min": 77.7, "max": 77.7, "std": None}
    assert expected.items() <= directions(77.7).items()


@pytest.mark.parametrize(("given_", "stored"), [(0.1, 0.1), (360.0, 0.0), (-90.0, 270.0)])
def test_a_constant_direction_has_std_0(given_: float, stored: float) -> None:
    row = directions(*[given_] * 10)
    assert [row[k] for k in ("mean", "min", "max", "std")] == [stored, stored, stored, 0.0]


@given(angles, st.integers(1, 10))
def test_any_constant_direction_is_its_own_mean(angle: float, count: int) -> None:
    row = directions(*[angle] * count)
    assert [row[k] for k in ("mean", "min", "max")] == [angle] * 3


def test_0_and_360_are_one_direction() -> None:
    row = directions(0.0, 360.0)
    assert (row["mean"], row["std"]) == (0.0, 0.0)


@pytest.mark.parametrize("opposite", [(0.0, 180.0), (90.0, 270.0), (0.0, 120.0, 240.0)])
def test_opposite_directions_have_no_mean_and_say_so(opposite: tuple[float, ...]) -> None:
    row = directions(*opposite)
    assert [row[k] for k in ("mean", "min", "max", "std")] == [None] * 4
    assert row["flags"] & Flag.NON_FINITE
    assert row["count"] == len(opposite)


def test_only_the_variable_declared_circular_is_treated_so() -> None:
    assert (
        first_window([350.0, 10.0], StatisticsSpec(circular_variables=("direction",)))["mean"]
        == 180.0
    )


@given(st.lists(angles, min_size=2, max_size=10))
@example([359.99999999999994, 5e-324])
def test_mean_and_deviation_are_those_of_the_mean_unit_vector(values: list[float]) -> None:
    mean = sum(cmath.rect(1, math.radians(v)) for v in values) / len(values)
    row = directions(*values)
    if abs(mean) < 1e-6:
        return  # nearly no direction: its digits are rounding
    apart = (row["mean"] - math.degrees(cmath.phase(mean)) + 180) % 360 - 180
    assert apart == pytest.approx(0, abs=1e-8)
    expected = math.degrees(math.sqrt(-2 * math.log(min(1.0, abs(mean)))))
    assert row["std"] == pytest.approx(expected, rel=1e-6, abs=1e-5)


@given(st.lists(angles, min_size=1, max_size=10))
def test_every_sample_lies_between_min_and_max_about_the_mean(values: list[float]) -> None:
    row = directions(*values)
    if row["mean"] is None:
        return
    about = sorted((v - row["mean"] + 180) % 360 - 180 for v in (row["min"], row["max"]))
    assert {row["min"], row["max"]} <= set(values)
    for value in values:
        deviation = (value - row["mean"] + 180) % 360 - 180
        assert about[0] - 1e-9 <= deviation <= about[1] + 1e-9 or abs(deviation) > 180 - 1e-9


@given(st.lists(angles, min_size=1, max_size=10), st.integers(-3, 3))
def test_whole_turns_change_nothing_but_rounding(values: list[float], turns: int) -> None:
    here, there = directions(*values), directions(*(v + 360.0 * turns for v in values))
    if here["mean"] is None or there["mean"] is None or (here["std"] or 0) > 200:
        return
    apart = (here["mean"] - there["mean"] + 180) % 360 - 180
    assert apart == pytest.approx(0, abs=1e-6)
