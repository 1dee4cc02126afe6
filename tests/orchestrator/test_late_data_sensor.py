"""The sensor requests the days whose samples changed after they were loaded, and no others."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from dagster import SensorResult, SkipReason, build_sensor_context

from services.orchestrator.jobs_by_day import DayJobs
from services.orchestrator.late_data_sensor import run_key, to_load
from shared.ledger.reconciliation import Difference, Reason
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, steady_samples
from tests.orchestrator.code_location import Location, location, reaching

DAY = date(2025, 12, 5)


class PastDays(NamedTuple):
    """The midnights at which the three days before today began."""

    first: datetime
    second: datetime
    third: datetime


@pytest.fixture
def past() -> PastDays:
    """Computed for each test: a run of tests may last past midnight."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return PastDays(*(today - timedelta(days=n) for n in (3, 2, 1)))


@pytest.fixture
def loaded(pipeline: Pipeline, past: PastDays) -> Pipeline:
    """The three days before today, in the source and in the target."""
    pipeline.fill_source(steady_samples(past.first, 3 * DAY_MINUTES))
    pipeline.run(start=date_of(past.first), end=date_of(past.third))
    return pipeline


def date_of(start: datetime) -> str:
    """The day that begins at this time."""
    return str(start.date())


def evaluate(dagster: Location) -> Any:
    """The result of the sensor."""
    sensor: Any = dagster.sensor("late_data")
    with build_sensor_context(
        instance=dagster.instance, definitions=dagster.defs, resources=dict(dagster.resources)
    ) as context:
        return sensor(context)


def requested(dagster: Location) -> dict[str, str]:
    """The partitions that the sensor requests, with the reasons."""
    result = evaluate(dagster)
    assert isinstance(result, SensorResult), result
    return {
        str(request.partition_key): request.tags["minuano/late_data"]
        for request in result.run_requests or ()
    }


def difference(
    variable: str = "power", reason: Reason = "changed", source: str = "f" * 16
) -> Difference:
    return Difference(DAY, "T01", variable, "mean", reason, source)


def test_nothing_is_requested_while_nothing_changed(
    loaded: Pipeline, dagster: Location, past: PastDays
) -> None:
    result = evaluate(dagster)
    assert isinstance(result, SkipReason)
    assert f"to {date_of(past.third)}: source and target have what was loaded" in str(
        result.skip_message
    )


def test_changed_days_are_requested_until_they_are_loaded(
    loaded: Pipeline, dagster: Location, past: PastDays
) -> None:
    loaded.in_source("UPDATE data SET power = 1 WHERE timestamp = %s", [past.first])
    loaded.in_source("DELETE FROM data WHERE timestamp = %s", [past.third])
    assert requested(dagster) == {
        date_of(past.first): "changed: power",
        date_of(past.third): "changed: power, wind_speed",
    }
    for request in evaluate(dagster).run_requests:
        assert dagster.day(request.partition_key, tags=request.tags).success
    assert isinstance(evaluate(dagster), SkipReason)


def test_a_day_that_another_job_has_loaded_since_it_was_compared_is_not_computed_again(
    loaded: Pipeline, dagster: Location, past: PastDays
) -> None:
    loaded.in_source("UPDATE data SET power = 1 WHERE timestamp = %s", [past.first])
    [request] = evaluate(dagster).run_requests
    loaded.run(date=date_of(past.first))
    assert dagster.day(request.partition_key, tags=request.tags).success
    assert dagster.day(request.partition_key).success
    unchanged = "SELECT only_changed, unchanged FROM etl.job ORDER BY id DESC LIMIT 2"
    assert loaded.in_target(unchanged) == [(False, 0), (True, 1)]


def test_each_change_has_its_own_key(loaded: Pipeline, dagster: Location, past: PastDays) -> None:
    keys = []
    for power in (1, 1, 2):
        loaded.in_source("UPDATE data SET power = %s WHERE timestamp = %s", [power, past.third])
        keys += [request.run_key for request in evaluate(dagster).run_requests]
    assert keys[0] == keys[1] != keys[2]


def test_days_that_were_never_loaded_are_left_to_backfills(
    pipeline: Pipeline, dagster: Location, past: PastDays
) -> None:
    pipeline.fill_source(steady_samples(past.first, 3 * DAY_MINUTES))
    assert isinstance(evaluate(dagster), SkipReason)
    pipeline.run(date=date_of(past.second))
    assert isinstance(evaluate(dagster), SkipReason)


def test_samples_that_arrive_after_a_job_found_none_are_late(
    pipeline: Pipeline, dagster: Location, past: PastDays
) -> None:
    pipeline.run(date=date_of(past.second))
    pipeline.fill_source(steady_samples(past.second, DAY_MINUTES))
    assert list(requested(dagster)) == [date_of(past.second)]


def test_earlier_days_are_not_compared(loaded: Pipeline, past: PastDays) -> None:
    loaded.in_source("UPDATE data SET power = 1")
    with location(reaching(loaded), dagster_late_days=2) as dagster:
        assert list(requested(dagster)) == [date_of(past.second), date_of(past.third)]


def test_what_runs_do_not_load_is_left_out(loaded: Pipeline, past: PastDays) -> None:
    """Else runs that cannot remove the difference would be requested without end."""
    loaded.in_source("UPDATE data SET power = 1 WHERE timestamp = %s", [past.second])
    with location(reaching(loaded), variables="wind_speed") as dagster:
        assert isinstance(evaluate(dagster), SkipReason)


def test_rows_that_somebody_altered_in_the_target_are_loaded_again(
    loaded: Pipeline, dagster: Location, past: PastDays
) -> None:
    loaded.in_target("UPDATE data SET value = 1 WHERE timestamp = %s", [past.second])
    assert requested(dagster) == {date_of(past.second): "altered: power, wind_speed"}


def test_a_day_with_an_open_job_is_left_out() -> None:
    assert to_load([difference()], {DAY: DayJobs(done=1, is_open=True)}) == {}


@pytest.mark.parametrize(
    ("reason", "done", "is_late"),
    [
        ("missing", 0, False),
        ("missing", 1, True),
        ("partly", 0, True),
        ("changed", 1, True),
        ("altered", 0, False),
        ("altered", 1, True),
        ("settings", 1, False),
    ],
)
def test_a_day_that_was_never_loaded_is_not_late(reason: Reason, done: int, is_late: bool) -> None:
    late = to_load([difference(reason=reason)], {DAY: DayJobs(done=done)})
    assert bool(late) == is_late


def test_a_change_that_is_made_again_after_a_run_has_a_new_key() -> None:
    keys = {run_key(DAY, DayJobs(done=job), [difference()]) for job in (1, 1, 2)}
    assert len(keys) == 2
