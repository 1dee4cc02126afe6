"""The days that follow from the settings, and what is said when one is wrong."""

import os
from datetime import UTC, date, datetime, timedelta

import pytest

from services.orchestrator.checks import expected_day
from services.orchestrator.late_data_sensor import window
from services.orchestrator.settings import OrchestratorSettings, days_of_keys, job_dates
from shared.domain.local_time import day_range
from shared.domain.time_range import DateRange
from shared.environment import PREFIX, build, load
from shared.errors import ConfigurationError

Env = pytest.MonkeyPatch
NOW = datetime(2025, 12, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: Env) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def settings(**given: str) -> OrchestratorSettings:
    return build(OrchestratorSettings, **given)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DAGSTER_FIRST_DAY", "0", "MINUANO_DAGSTER_FIRST_DAY: a date is written YYYY-MM-DD"),
        (
            "DAGSTER_FIRST_DAY",
            "2025-02-30",
            "MINUANO_DAGSTER_FIRST_DAY: 2025-02-30 is not in the calendar",
        ),
        (
            "DAGSTER_LAST_DAY",
            "2025-11-30",
            "MINUANO_DAGSTER_LAST_DAY: 2025-11-30 is before MINUANO_DAGSTER_FIRST_DAY",
        ),
        (
            "SOURCE_TIMEZONE",
            "Mars/Base",
            "MINUANO_SOURCE_TIMEZONE: 'Mars/Base' is not an IANA time",
        ),
        (
            "DAGSTER_VARIABLES",
            "power,power",
            "MINUANO_DAGSTER_VARIABLES: must name each variable once",
        ),
        (
            "DAGSTER_JOB_TIMEOUT_S",
            "0",
            "MINUANO_DAGSTER_JOB_TIMEOUT_S: Input should be greater than 0",
        ),
        ("DAGSTER_LATE_DAYS", "none", "MINUANO_DAGSTER_LATE_DAYS: Input should be a valid integer"),
    ],
)
def test_a_wrong_setting_is_explained_in_one_line(
    monkeypatch: Env, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load(OrchestratorSettings)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_the_days_begin_with_the_first_and_are_over_when_there_is_one() -> None:
    keys = settings().partitions().get_partition_keys(current_time=NOW)
    assert (keys[0], keys[-1]) == ("2025-12-01", "2025-12-30")


def test_a_last_day_ends_them() -> None:
    keys = settings(dagster_last_day="2025-12-10").partitions().get_partition_keys(current_time=NOW)
    assert (keys[-1], len(keys)) == ("2025-12-10", 10)


def test_a_day_is_that_of_the_sources_zone() -> None:
    """Clocks went forward in New York on 8 March 2026."""
    here = settings(source_timezone="America/New_York")
    day = here.partitions().time_window_for_partition_key("2026-03-08")
    expected = day_range(date(2026, 3, 8), here.zone)
    assert (day.start, day.end) == expected
    assert expected.end - expected.start == timedelta(hours=23)


def test_one_day_is_asked_for_as_a_date_and_several_as_one_range() -> None:
    assert job_dates(days_of_keys(["2025-12-05"])) == {"date": "2025-12-05"}
    days = days_of_keys(["2025-12-30", "2025-12-31", "2026-01-01"])
    assert job_dates(days) == {"start": "2025-12-30", "end": "2026-01-01"}
    assert list(days) == [date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1)]


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2025-12-10T05:59Z", date(2025, 12, 8)),
        ("2025-12-10T06:00Z", date(2025, 12, 9)),
    ],
)
def test_yesterday_is_expected_from_three_o_clock_in_the_sources_zone(at: str, day: date) -> None:
    here = settings(source_timezone="America/Sao_Paulo")
    assert expected_day(here, datetime.fromisoformat(at)) == day


def test_a_day_is_over_at_midnight_of_the_sources_zone() -> None:
    here = settings(source_timezone="America/Sao_Paulo")
    assert here.yesterday(datetime(2025, 12, 31, 2, 59, tzinfo=UTC)) == date(2025, 12, 29)
    assert here.yesterday(datetime(2025, 12, 31, 3, tzinfo=UTC)) == date(2025, 12, 30)


def test_nothing_is_expected_after_the_last_day() -> None:
    assert expected_day(settings(dagster_last_day="2025-12-10"), NOW) == date(2025, 12, 10)


def test_late_data_is_looked_for_so_many_days_back_and_not_before_the_first() -> None:
    assert window(settings(dagster_late_days="7"), NOW) == DateRange(
        date(2025, 12, 24), date(2025, 12, 30)
    )
    assert window(settings(dagster_late_days="99"), NOW) == DateRange(
        date(2025, 12, 1), date(2025, 12, 30)
    )
    assert window(settings(dagster_first_day="2025-12-31"), NOW) is None
