"""The days that are computed from the settings, and the errors of wrong settings."""

import os
from datetime import UTC, date, datetime, timedelta

import pytest

from services.orchestrator.checks import expected_day
from services.orchestrator.late_data_sensor import compared_days
from services.orchestrator.settings import OrchestratorSettings, days_of_keys
from shared.domain.local_time import day_range
from shared.domain.time_range import DateRange
from shared.environment import PREFIX, build, load
from shared.errors import ConfigurationError

Env = pytest.MonkeyPatch
NOW = datetime(2025, 12, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: Env) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def settings(**values: str) -> OrchestratorSettings:
    return build(OrchestratorSettings, **values)


@pytest.mark.parametrize(
    ("name", "value", "message"),
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
            "VARIABLES",
            "power,power",
            "MINUANO_VARIABLES: must name 1 to 100 variables, each once",
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
    monkeypatch: Env, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load(OrchestratorSettings)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_the_partitions_are_the_days_that_have_ended_from_the_first_day() -> None:
    keys = settings().partitions().get_partition_keys(current_time=NOW)
    assert (keys[0], keys[-1]) == ("2025-12-01", "2025-12-30")


def test_the_last_day_is_the_last_partition() -> None:
    keys = settings(dagster_last_day="2025-12-10").partitions().get_partition_keys(current_time=NOW)
    assert (keys[-1], len(keys)) == ("2025-12-10", 10)


def test_a_partition_is_a_local_day() -> None:
    """Clocks went forward in New York on 8 March 2026."""
    local = settings(source_timezone="America/New_York")
    day = local.partitions().time_window_for_partition_key("2026-03-08")
    expected = day_range(date(2026, 3, 8), local.zone)
    assert (day.start, day.end) == expected
    assert expected.end - expected.start == timedelta(hours=23)


def test_the_days_of_keys_are_a_range() -> None:
    days = days_of_keys(["2025-12-30", "2025-12-31", "2026-01-01"])
    assert list(days) == [date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1)]


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2025-12-10T05:59Z", date(2025, 12, 8)),
        ("2025-12-10T06:00Z", date(2025, 12, 9)),
    ],
)
def test_yesterday_is_expected_from_three_o_clock_local_time(at: str, day: date) -> None:
    local = settings(source_timezone="America/Sao_Paulo")
    assert expected_day(local, datetime.fromisoformat(at)) == day


def test_a_day_ends_at_local_midnight() -> None:
    local = settings(source_timezone="America/Sao_Paulo")
    assert local.yesterday(datetime(2025, 12, 31, 2, 59, tzinfo=UTC)) == date(2025, 12, 29)
    assert local.yesterday(datetime(2025, 12, 31, 3, tzinfo=UTC)) == date(2025, 12, 30)


def test_no_day_is_expected_after_the_last_day() -> None:
    assert expected_day(settings(dagster_last_day="2025-12-10"), NOW) == date(2025, 12, 10)


def test_the_last_days_are_compared_but_none_before_the_first() -> None:
    assert compared_days(settings(dagster_late_days="7"), NOW) == DateRange(
        date(2025, 12, 24), date(2025, 12, 30)
    )
    assert compared_days(settings(dagster_late_days="99"), NOW) == DateRange(
        date(2025, 12, 1), date(2025, 12, 30)
    )
    assert compared_days(settings(dagster_first_day="2025-12-31"), NOW) is None
