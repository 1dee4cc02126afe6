"""The generator of sample data: reproducible, plausible, with the requested share of gaps."""

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.errors import ConfigurationError
from shared.sample_data.generator import (
    CUT_IN,
    CUT_OUT,
    OWN_CONSUMPTION,
    PERIOD_MAX_S,
    PERIOD_MIN_S,
    RATED,
    RATED_POWER,
    VARIABLES,
    Samples,
    Turbine,
    count,
    power_curve,
    samples,
)

DAY = date(2025, 12, 1)


def collected(turbine: Turbine, days: int, *, start: date = DAY, rows: int = 200_000) -> Samples:
    chunks = list(samples(turbine, start, days, chunk_rows=rows))
    assert max(map(len, chunks)) <= rows
    return Samples(
        np.concatenate([c.timestamps for c in chunks]),
        np.concatenate([c.values for c in chunks], 1),
    )


def correlation(values: NDArray[np.float64], lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def by_hour(values: NDArray[np.float64]) -> NDArray[np.float64]:
    means: NDArray[np.float64] = values.reshape(-1, 24, 60).mean(axis=(0, 2))
    return means


@pytest.fixture(scope="module")
def season() -> Samples:
    """90 days of minutes."""
    return collected(Turbine(), 90)


def test_the_same_seed_gives_the_same_samples() -> None:
    first, again = collected(Turbine(gaps=0.1), 2), collected(Turbine(gaps=0.1), 2)
    np.testing.assert_array_equal(first.timestamps, again.timestamps)
    np.testing.assert_array_equal(first.values, again.values)


@pytest.mark.parametrize("other", [Turbine(random_seed=2), Turbine(asset=1)], ids=["seed", "asset"])
def test_another_seed_or_asset_gives_other_samples(other: Turbine) -> None:
    same = collected(Turbine(), 1).values == collected(other, 1).values
    assert same[0].mean() < 0.01


@pytest.mark.parametrize("rows", [1, 7, 1439, 1441, 3000])
def test_the_size_of_the_chunks_does_not_change_the_samples(rows: int) -> None:
    expected, actual = collected(Turbine(gaps=0.1), 3), collected(Turbine(gaps=0.1), 3, rows=rows)
    np.testing.assert_array_equal(expected.timestamps, actual.timestamps)
    np.testing.assert_array_equal(expected.values, actual.values)


def test_a_day_is_the_same_in_every_date_range() -> None:
    alone = collected(Turbine(), 1, start=DAY + timedelta(days=2))
    np.testing.assert_array_equal(collected(Turbine(), 3).values[:, -1440:], alone.values)


@pytest.mark.parametrize(
    ("period_s", "rows"), [(0.1, 864_000), (1, 86_400), (60, 1440), (600, 144)]
)
def test_a_day_has_one_sample_per_period_from_midnight_to_midnight(
    period_s: float, rows: int
) -> None:
    timestamps = collected(Turbine(period_s=period_s), 1).timestamps
    assert len(timestamps) == rows == count(DAY, 1, period_s)
    assert np.datetime64(DAY) == timestamps[0]
    assert {np.timedelta64(round(period_s * 1e6), "us")} == set(np.diff(timestamps))


def test_a_period_that_does_not_divide_the_day_keeps_its_grid_over_midnight() -> None:
    timestamps = collected(Turbine(period_s=7), 3).timestamps
    assert set(np.diff(timestamps)) == {np.timedelta64(7, "s")}
    assert len(timestamps) == count(DAY, 3, 7)


def test_the_wind_does_not_jump_at_midnight() -> None:
    steps = np.abs(np.diff(collected(Turbine(period_s=1), 8).values[0]))
    midnights = steps[86_399::86_400]
    assert len(midnights) == 7
    assert midnights.max() < np.quantile(steps, 0.9999)


def test_wind_is_distributed_like_a_weibull_of_shape_2(season: Samples) -> None:
    wind = season.values[0]
    assert wind.min() >= 0
    assert 20 < wind.max() < 40
    assert 7 <= wind.mean() <= 8
    # sqrt(4/π - 1) is the coefficient of variation of a Weibull distribution of shape 2.
    assert wind.std() / wind.mean() == pytest.approx(0.523, abs=0.05)


def test_the_correlation_of_the_wind_falls_slowly(season: Samples) -> None:
    wind = season.values[0]
    minute, ten, hour, day = (correlation(wind, lag) for lag in (1, 10, 60, 1440))
    assert 0.99 > minute > ten > hour > day
    assert minute > 0.95
    assert hour > 0.6
    assert day < 0.6


def test_gusts_last_as_long_at_every_sampling_period() -> None:
    fine, coarse = (collected(Turbine(period_s=s), 10).values[0] for s in (2, 60))
    assert correlation(fine, 30) == pytest.approx(correlation(coarse, 1), abs=0.01)


def test_ten_minutes_of_wind_vary_by_about_a_tenth(season: Samples) -> None:
    windows = season.values[0].reshape(-1, 10)
    turbulence = np.median(windows.std(axis=1, ddof=1) / np.maximum(windows.mean(axis=1), 0.1))
    assert 0.105 < turbulence < 0.125


@pytest.mark.parametrize(("variable", "swing"), [("wind_speed", 1.0), ("ambient_temperature", 6.0)])
def test_values_are_higher_in_the_afternoon_than_at_night(
    season: Samples, variable: str, swing: float
) -> None:
    hours = by_hour(season.values[VARIABLES.index(variable)])
    assert 12 <= hours.argmax() <= 18
    assert hours.max() - hours.min() > swing


def test_temperature_stays_in_a_temperate_range() -> None:
    year = collected(Turbine(period_s=600), 365).values[2]
    assert -5 < year.min() < year.max() < 40


def test_power_rises_from_cut_in_to_rated_and_ends_at_cut_out() -> None:
    power = power_curve(np.linspace(CUT_IN, RATED, 1000))
    assert (np.diff(power) > 0).all()
    assert (
        power_curve(np.array([RATED, CUT_OUT - 0.01])).tolist()
        == [RATED_POWER - OWN_CONSUMPTION] * 2
    )
    assert power_curve(np.array([0, CUT_IN - 0.01, CUT_OUT])).tolist() == [-OWN_CONSUMPTION] * 3


def test_power_follows_the_wind_and_is_slightly_negative_when_calm(season: Samples) -> None:
    wind, power, _ = season.values
    calm = power[wind < CUT_IN - 1]
    assert -10 < calm.min() < calm.max() < 0
    full = power[(wind > RATED + 1) & (wind < CUT_OUT - 1)]
    assert full.min() > 0.99 * RATED_POWER
    assert np.corrcoef(power_curve(wind), power)[0, 1] > 0.99


def test_assets_share_the_weather_and_have_different_means() -> None:
    first, second = (collected(Turbine(asset=n), 30).values[0] for n in (1, 2))
    assert 0.8 < np.corrcoef(first, second)[0, 1] < 0.99
    assert abs(first.mean() / second.mean() - 1) > 0.003


def test_values_have_three_decimals() -> None:
    values = collected(Turbine(period_s=1), 1).values
    np.testing.assert_array_equal(values.round(3), values)


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_gaps_are_the_share_of_the_minutes_that_are_missing(share: float) -> None:
    days = 400
    missing = 1 - len(collected(Turbine(gaps=share), days).timestamps) / (days * 1440)
    assert missing == pytest.approx(share, rel=0.1)


def test_gaps_are_single_minutes_and_whole_hours() -> None:
    steps = np.diff(collected(Turbine(gaps=0.02), 60).timestamps).astype(int) // 60_000_000
    assert (steps == 2).sum() > 300
    assert (steps > 60).sum() > 5
    assert ((steps > 4) & (steps < 60)).sum() == 0


def test_gaps_set_some_minutes_to_null_in_one_variable_only() -> None:
    null = np.isnan(collected(Turbine(gaps=0.02), 100).values)
    assert null.mean(axis=1) == pytest.approx(0.02, rel=0.5)
    assert (null.sum(axis=0) == 1).sum() > 0.9 * null.any(axis=0).sum()


def test_gaps_remove_values_and_change_none() -> None:
    complete, with_gaps = collected(Turbine(), 5), collected(Turbine(gaps=0.1), 5)
    present = np.isin(complete.timestamps, with_gaps.timestamps)
    expected = complete.values[:, present]
    values = np.where(np.isnan(with_gaps.values), expected, with_gaps.values)
    np.testing.assert_array_equal(expected, values)


def test_a_minute_is_missing_with_all_its_sub_second_samples() -> None:
    timestamps = collected(Turbine(period_s=0.5, gaps=0.1), 1).timestamps
    per_minute = np.unique(timestamps.astype("datetime64[m]"), return_counts=True)[1]
    assert set(per_minute) == {120}
    assert len(per_minute) < 1440


def test_gaps_of_100_percent_remove_everything() -> None:
    assert list(samples(Turbine(gaps=1), DAY, 2)) == []


@pytest.mark.parametrize("period_s", [PERIOD_MIN_S, PERIOD_MAX_S])
def test_every_value_is_finite_at_the_shortest_and_longest_period(period_s: float) -> None:
    assert np.isfinite(collected(Turbine(period_s=period_s), 1).values).all()


@pytest.mark.parametrize("period_s", [0.09, 601.0, float("nan")])
def test_a_sampling_period_out_of_bounds_is_rejected(period_s: float) -> None:
    with pytest.raises(ConfigurationError, match="period"):
        Turbine(period_s=period_s)
