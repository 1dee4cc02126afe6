"""Each check fails on implausible windows, and names them."""

from typing import Any

import pytest
from dagster import AssetCheckEvaluation, AssetCheckSeverity

from shared.domain.time_range import ONE_DAY
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, SECOND_DAY, START, steady_samples
from tests.orchestrator.code_location import Location

OF_SIGNAL = "signal_id = (SELECT id FROM signal WHERE name = %s)"


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    """One day in the source and in the target."""
    pipeline.fill_source(steady_samples(START, DAY_MINUTES))
    pipeline.run(date=FIRST_DAY)
    return pipeline


def checked(dagster: Location, day: str = FIRST_DAY) -> dict[str, AssetCheckEvaluation]:
    return {check.check_name: check for check in dagster.checks(day).get_asset_check_evaluations()}


def failed_check(dagster: Location, day: str = FIRST_DAY) -> Any:
    """The one check that failed."""
    [failed] = [check for check in checked(dagster, day).values() if not check.passed]
    assert (failed.severity, failed.partition) == (AssetCheckSeverity.ERROR, day)
    return failed


def change(pipeline: Pipeline, signal: str, statement: str) -> None:
    """Change the values at 00:10 and 00:20."""
    pipeline.in_target(
        f"{statement} WHERE timestamp IN ('2025-12-05 00:10Z', '2025-12-05 00:20Z') AND "
        + OF_SIGNAL,
        [signal],
    )


def test_windows_that_the_pipeline_loaded_pass(loaded: Pipeline, dagster: Location) -> None:
    results = {name: (check.passed, check.description) for name, check in checked(dagster).items()}
    assert results == {
        "windows_complete": (True, "144 windows × 8 signals"),
        "ordered": (True, "min ≤ mean ≤ max in all windows"),
        "std_not_negative": (True, "std ≥ 0 in all windows"),
    }


def test_a_window_that_is_missing_without_a_reason_fails(
    loaded: Pipeline, dagster: Location
) -> None:
    change(loaded, "power_std_10m", "DELETE FROM data")
    check = failed_check(dagster)
    assert check.check_name == "windows_complete"
    assert check.metadata["windows"].value == 2
    assert check.metadata["which"].value == (
        "- 2025-12-05 00:10+0000 power: std is missing\n"
        "- 2025-12-05 00:20+0000 power: std is missing"
    )


def test_at_most_twenty_windows_are_named(loaded: Pipeline, dagster: Location) -> None:
    loaded.in_target(f"DELETE FROM data WHERE {OF_SIGNAL}", ["power_mean_10m"])
    check = failed_check(dagster)
    assert check.description == "2025-12-05 00:00+0000 power: mean is missing, and 143 more"
    lines = check.metadata["which"].value.splitlines()
    assert (len(lines), lines[-1]) == (21, "- and 124 more")


def test_gaps_of_the_source_are_explained(pipeline: Pipeline, dagster: Location) -> None:
    """An hour without samples but one. Then `quality` says that this window is complete."""
    samples = [sample for sample in steady_samples(START, DAY_MINUTES) if sample[0].hour != 5]
    pipeline.fill_source([*samples, (START + ONE_DAY / 24 * 5, 7.0, 1000.0, None)])
    pipeline.run(date=FIRST_DAY)
    gaps = 5 * 8 + 2  # five windows, and std in the sixth
    assert checked(dagster)["windows_complete"].description == (
        f"144 windows × 8 signals, {gaps} gaps explained"
    )
    pipeline.in_target("UPDATE quality SET count = 9 WHERE timestamp = '2025-12-05 05:00Z'")
    assert failed_check(dagster).metadata["windows"].value == 2


def test_a_mean_outside_its_extremes_fails(loaded: Pipeline, dagster: Location) -> None:
    change(loaded, "wind_speed_mean_10m", "UPDATE data SET value = 99")
    check = failed_check(dagster)
    assert (check.check_name, check.metadata["windows"].value) == ("ordered", 2)
    assert "- 2025-12-05 00:10+0000 wind_speed: min " in check.metadata["which"].value
    assert ", mean 99, max " in check.metadata["which"].value


@pytest.mark.parametrize("value", ["-0.1", "'NaN'"])
def test_a_negative_or_undefined_standard_deviation_fails(
    loaded: Pipeline, dagster: Location, value: str
) -> None:
    change(loaded, "power_std_10m", f"UPDATE data SET value = {value}")
    check = failed_check(dagster)
    assert (check.check_name, check.metadata["windows"].value) == ("std_not_negative", 2)
    assert check.description == (
        f"2025-12-05 00:10+0000 power: std {value.strip(chr(39))}, and 1 more"
    )


def test_a_day_that_no_job_has_loaded_fails(loaded: Pipeline, dagster: Location) -> None:
    assert (
        failed_check(dagster, SECOND_DAY).description == f"{SECOND_DAY}: no job has loaded this day"
    )


def test_old_data_give_a_warning(loaded: Pipeline, dagster: Location) -> None:
    [check] = dagster.freshness().get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, AssetCheckSeverity.WARN)
    assert check.metadata["last_day"].value == FIRST_DAY


def test_data_of_yesterday_are_fresh(pipeline: Pipeline, dagster: Location) -> None:
    pipeline.in_source("INSERT INTO data VALUES (date_trunc('day', now()) - interval '1 day', 7)")
    [[yesterday]] = pipeline.in_source("SELECT timestamp::date::text FROM data")
    pipeline.run(date=yesterday)
    [check] = dagster.freshness().get_asset_check_evaluations()
    assert check.passed, check.description
