"""The sensor asks for the days whose source is no longer what was loaded, and for no others."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from dagster import SensorResult, SkipReason, build_sensor_context

from services.orchestrator.asked import Jobs
from services.orchestrator.late_data import run_key, to_load
from shared.reconcile import Difference, Why
from tests.e2e.pipeline import Pipeline
from tests.e2e.samples import DAY_MINUTES, steady
from tests.orchestrator.location import Location, location, reaching

DAYS_BACK = [
    datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=n)
    for n in range(5)
]
FIRST, SECOND, THIRD = (str(start.date()) for start in reversed(DAYS_BACK[1:4]))
WANTED = ("wind_speed", "power")
DAY = date(2025, 12, 5)


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    """The three days before today, in the source and in the target."""
    pipeline.fill(steady(DAYS_BACK[3], 3 * DAY_MINUTES))
    pipeline.run(start=FIRST, end=THIRD)
    return pipeline


def asks(dagster: Location) -> Any:
    """What the sensor answers."""
    look: Any = dagster.sensor("late_data")
    with build_sensor_context(
        instance=dagster.instance, definitions=dagster.defs, resources=dict(dagster.resources)
    ) as context:
        return look(context)


def requested(dagster: Location) -> dict[str, str]:
    """The partitions that the sensor asks for, and why."""
    found = asks(dagster)
    assert isinstance(found, SensorResult), found
    return {
        str(request.partition_key): request.tags["minuano/late_data"]
        for request in found.run_requests or ()
    }


def difference(variable: str = "power", why: Why = "changed", source: str = "f" * 16) -> Difference:
    return Difference(DAY, "T01", variable, why, source)


def test_nothing_is_asked_for_while_nothing_changed(loaded: Pipeline, dagster: Location) -> None:
    found = asks(dagster)
    assert isinstance(found, SkipReason)
    assert f"to {THIRD} with what was loaded" in str(found.skip_message)


def test_exactly_the_days_that_changed_are_asked_for_and_then_no_more(
    loaded: Pipeline, dagster: Location
) -> None:
    loaded.in_source("UPDATE data SET power = 1 WHERE timestamp = %s", [DAYS_BACK[3]])
    loaded.in_source("DELETE FROM data WHERE timestamp = %s", [DAYS_BACK[1]])
    assert requested(dagster) == {FIRST: "changed: power", THIRD: "changed: power, wind_speed"}
    for request in asks(dagster).run_requests:
        assert dagster.day(request.partition_key).success
    assert isinstance(asks(dagster), SkipReason)


def test_the_same_change_has_one_key_and_another_change_another(
    loaded: Pipeline, dagster: Location
) -> None:
    keys = []
    for power in (1, 1, 2):
        loaded.in_source("UPDATE data SET power = %s WHERE timestamp = %s", [power, DAYS_BACK[1]])
        keys += [request.run_key for request in asks(dagster).run_requests]
    assert keys[0] == keys[1] != keys[2]


def test_days_that_were_never_loaded_are_left_to_backfills(
    pipeline: Pipeline, dagster: Location
) -> None:
    pipeline.fill(steady(DAYS_BACK[3], 3 * DAY_MINUTES))
    assert isinstance(asks(dagster), SkipReason)
    pipeline.run(date=SECOND)
    assert isinstance(asks(dagster), SkipReason)


def test_samples_that_come_after_a_job_had_found_none(
    pipeline: Pipeline, dagster: Location
) -> None:
    pipeline.run(date=SECOND)
    pipeline.fill(steady(DAYS_BACK[2], DAY_MINUTES))
    assert list(requested(dagster)) == [SECOND]


def test_days_further_back_are_not_looked_at(loaded: Pipeline) -> None:
    loaded.in_source("UPDATE data SET power = 1")
    with location(reaching(loaded), late_days=2) as dagster:
        assert list(requested(dagster)) == [SECOND, THIRD]


def test_variables_that_runs_do_not_ask_for_are_not_theirs_to_put_right() -> None:
    found = [difference("ambient_temperature")]
    assert to_load(found, {DAY: Jobs(done=1)}, WANTED) == {}


def test_a_day_that_a_job_is_at_is_left_to_it() -> None:
    assert to_load([difference()], {DAY: Jobs(done=1, under_way=True)}, WANTED) == {}


@pytest.mark.parametrize(
    ("why", "done", "is_late"),
    [("missing", 0, False), ("missing", 1, True), ("partly", 0, True), ("changed", 1, True)],
)
def test_what_was_never_asked_for_is_not_late(why: Why, done: int, is_late: bool) -> None:
    found = to_load([difference(why=why)], {DAY: Jobs(done=done)}, WANTED)
    assert bool(found) == is_late


def test_a_change_that_is_made_again_after_a_run_is_asked_for_again() -> None:
    keys = {run_key(DAY, Jobs(done=job), [difference()]) for job in (1, 1, 2)}
    assert len(keys) == 2
