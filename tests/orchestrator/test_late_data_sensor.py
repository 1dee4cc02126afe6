"""The sensor asks for the days whose source is no longer what was loaded, and for no others."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from dagster import SensorResult, SkipReason, build_sensor_context

from services.orchestrator.jobs_by_day import DayJobs
from services.orchestrator.late_data_sensor import run_key, to_load
from shared.ledger.reconciliation import Difference, Reason
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, steady
from tests.orchestrator.code_location import Location, location, reaching

WANTED = ("wind_speed", "power")
DAY = date(2025, 12, 5)


class Back(NamedTuple):
    """The midnights at which the three days before today began."""

    first: datetime
    second: datetime
    third: datetime


@pytest.fixture
def back() -> Back:
    """As it is now: a long run of tests may have begun the day before."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Back(*(today - timedelta(days=n) for n in (3, 2, 1)))


@pytest.fixture
def loaded(pipeline: Pipeline, back: Back) -> Pipeline:
    """The three days before today, in the source and in the target."""
    pipeline.fill(steady(back.first, 3 * DAY_MINUTES))
    pipeline.run(start=on(back.first), end=on(back.third))
    return pipeline


def on(start: datetime) -> str:
    """The day that begins then."""
    return str(start.date())


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


def difference(
    variable: str = "power", why: Reason = "changed", source: str = "f" * 16
) -> Difference:
    return Difference(DAY, "T01", variable, why, source)


def test_nothing_is_asked_for_while_nothing_changed(
    loaded: Pipeline, dagster: Location, back: Back
) -> None:
    found = asks(dagster)
    assert isinstance(found, SkipReason)
    assert f"to {on(back.third)} with what was loaded" in str(found.skip_message)


def test_exactly_the_days_that_changed_are_asked_for_and_then_no_more(
    loaded: Pipeline, dagster: Location, back: Back
) -> None:
    loaded.in_source("UPDATE data SET power = 1 WHERE timestamp = %s", [back.first])
    loaded.in_source("DELETE FROM data WHERE timestamp = %s", [back.third])
    assert requested(dagster) == {
        on(back.first): "changed: power",
        on(back.third): "changed: power, wind_speed",
    }
    for request in asks(dagster).run_requests:
        assert dagster.day(request.partition_key).success
    assert isinstance(asks(dagster), SkipReason)


def test_the_same_change_has_one_key_and_another_change_another(
    loaded: Pipeline, dagster: Location, back: Back
) -> None:
    keys = []
    for power in (1, 1, 2):
        loaded.in_source("UPDATE data SET power = %s WHERE timestamp = %s", [power, back.third])
        keys += [request.run_key for request in asks(dagster).run_requests]
    assert keys[0] == keys[1] != keys[2]


def test_days_that_were_never_loaded_are_left_to_backfills(
    pipeline: Pipeline, dagster: Location, back: Back
) -> None:
    pipeline.fill(steady(back.first, 3 * DAY_MINUTES))
    assert isinstance(asks(dagster), SkipReason)
    pipeline.run(date=on(back.second))
    assert isinstance(asks(dagster), SkipReason)


def test_samples_that_come_after_a_job_had_found_none(
    pipeline: Pipeline, dagster: Location, back: Back
) -> None:
    pipeline.run(date=on(back.second))
    pipeline.fill(steady(back.second, DAY_MINUTES))
    assert list(requested(dagster)) == [on(back.second)]


def test_days_further_back_are_not_looked_at(loaded: Pipeline, back: Back) -> None:
    loaded.in_source("UPDATE data SET power = 1")
    with location(reaching(loaded), dagster_late_days=2) as dagster:
        assert list(requested(dagster)) == [on(back.second), on(back.third)]


def test_variables_that_runs_do_not_ask_for_are_not_theirs_to_put_right() -> None:
    found = [difference("ambient_temperature")]
    assert to_load(found, {DAY: DayJobs(done=1)}, WANTED) == {}


def test_a_day_that_a_job_is_at_is_left_to_it() -> None:
    assert to_load([difference()], {DAY: DayJobs(done=1, under_way=True)}, WANTED) == {}


@pytest.mark.parametrize(
    ("why", "done", "is_late"),
    [("missing", 0, False), ("missing", 1, True), ("partly", 0, True), ("changed", 1, True)],
)
def test_what_was_never_asked_for_is_not_late(why: Reason, done: int, is_late: bool) -> None:
    found = to_load([difference(why=why)], {DAY: DayJobs(done=done)}, WANTED)
    assert bool(found) == is_late


def test_a_change_that_is_made_again_after_a_run_is_asked_for_again() -> None:
    keys = {run_key(DAY, DayJobs(done=job), [difference()]) for job in (1, 1, 2)}
    assert len(keys) == 2
