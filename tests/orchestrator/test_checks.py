"""Each check goes red on what can't be true, and names the windows."""

from typing import Any

import pytest
from dagster import AssetCheckEvaluation, AssetCheckSeverity

from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY, DAY_MINUTES, FIRST_DAY, SECOND_DAY, START, steady
from tests.orchestrator.code_location import Location

OF_SIGNAL = "signal_id = (SELECT id FROM signal WHERE name = %s)"


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    """One day in the source and in the target."""
    pipeline.fill(steady(START, DAY_MINUTES))
    pipeline.run(date=FIRST_DAY)
    return pipeline


def checked(dagster: Location, day: str = FIRST_DAY) -> dict[str, AssetCheckEvaluation]:
    return {found.check_name: found for found in dagster.checks(day).get_asset_check_evaluations()}


def red(dagster: Location, day: str = FIRST_DAY) -> Any:
    """The one check that fails."""
    [found] = [check for check in checked(dagster, day).values() if not check.passed]
    assert (found.severity, found.partition) == (AssetCheckSeverity.ERROR, day)
    return found


def change(pipeline: Pipeline, signal: str, statement: str) -> None:
    """Plant something at 00:10 and 00:20."""
    pipeline.in_target(
        f"{statement} WHERE timestamp IN ('2025-12-05 00:10Z', '2025-12-05 00:20Z') AND "
        + OF_SIGNAL,
        [signal],
    )


def test_what_the_pipeline_loads_is_green(loaded: Pipeline, dagster: Location) -> None:
    said = {name: (found.passed, found.description) for name, found in checked(dagster).items()}
    assert said == {
        "windows_complete": (True, "144 windows × 8 signals"),
        "ordered": (True, "min ≤ mean ≤ max in all windows"),
        "std_not_negative": (True, "std ≥ 0 in all windows"),
    }


def test_a_window_that_is_missing_without_a_reason(loaded: Pipeline, dagster: Location) -> None:
    change(loaded, "power_std_10m", "DELETE FROM data")
    found = red(dagster)
    assert found.check_name == "windows_complete"
    assert found.metadata["windows"].value == 2
    assert found.metadata["which"].value == (
        "- 2025-12-05 00:10+0000 power: std is missing\n"
        "- 2025-12-05 00:20+0000 power: std is missing"
    )


def test_at_most_twenty_are_named(loaded: Pipeline, dagster: Location) -> None:
    loaded.in_target(f"DELETE FROM data WHERE {OF_SIGNAL}", ["power_mean_10m"])
    found = red(dagster)
    assert found.description == "2025-12-05 00:00+0000 power: mean is missing, and 143 more"
    lines = found.metadata["which"].value.splitlines()
    assert (len(lines), lines[-1]) == (21, "- and 124 more")


def test_gaps_of_the_source_are_explained(pipeline: Pipeline, dagster: Location) -> None:
    """An hour without samples, a window with a single one, and one that quality has as whole."""
    samples = [sample for sample in steady(START, DAY_MINUTES) if sample[0].hour != 5]
    pipeline.fill([*samples, (START + DAY / 24 * 5, 7.0, 1000.0, None)])
    pipeline.run(date=FIRST_DAY)
    gaps = 5 * 8 + 2  # five windows, and std in the sixth
    assert checked(dagster)["windows_complete"].description == (
        f"144 windows × 8 signals, {gaps} gaps explained"
    )
    pipeline.in_target("UPDATE quality SET count = 9 WHERE timestamp = '2025-12-05 05:00Z'")
    assert red(dagster).metadata["windows"].value == 2


def test_a_mean_outside_of_its_extremes(loaded: Pipeline, dagster: Location) -> None:
    change(loaded, "wind_speed_mean_10m", "UPDATE data SET value = 99")
    found = red(dagster)
    assert (found.check_name, found.metadata["windows"].value) == ("ordered", 2)
    assert "- 2025-12-05 00:10+0000 wind_speed: min " in found.metadata["which"].value
    assert ", mean 99, max " in found.metadata["which"].value


@pytest.mark.parametrize("value", ["-0.1", "'NaN'"])
def test_a_deviation_that_is_none(loaded: Pipeline, dagster: Location, value: str) -> None:
    change(loaded, "power_std_10m", f"UPDATE data SET value = {value}")
    found = red(dagster)
    assert (found.check_name, found.metadata["windows"].value) == ("std_not_negative", 2)
    assert found.description == (
        f"2025-12-05 00:10+0000 power: std {value.strip(chr(39))}, and 1 more"
    )


def test_a_day_that_no_job_has_loaded(loaded: Pipeline, dagster: Location) -> None:
    assert red(dagster, SECOND_DAY).description == f"{SECOND_DAY}: no job has loaded this day"


def test_old_data_is_a_warning(loaded: Pipeline, dagster: Location) -> None:
    [found] = dagster.freshness().get_asset_check_evaluations()
    assert (found.passed, found.severity) == (False, AssetCheckSeverity.WARN)
    assert found.metadata["last_day"].value == FIRST_DAY


def test_yesterdays_data_is_fresh(pipeline: Pipeline, dagster: Location) -> None:
    pipeline.in_source("INSERT INTO data VALUES (date_trunc('day', now()) - interval '1 day', 7)")
    [[yesterday]] = pipeline.in_source("SELECT timestamp::date::text FROM data")
    pipeline.run(date=yesterday)
    [found] = dagster.freshness().get_asset_check_evaluations()
    assert found.passed, found.description
