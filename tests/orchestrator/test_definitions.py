"""The definitions load, and the schedules and the sensor are on."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from dagster import DefaultScheduleStatus, DefaultSensorStatus, Definitions

from services.orchestrator import definitions
from services.orchestrator.assets import SAMPLES, STATISTICS
from services.orchestrator.resources import ExtractorResource, from_environment
from shared.environment import PREFIX
from shared.errors import ConfigurationError
from tests.orchestrator.code_location import DEPRECATED, Location, location

Env = pytest.MonkeyPatch
URLS = {
    "MINUANO_CONNECTOR_URL": "http://connector:8000",
    "MINUANO_EXTRACTOR_URL": "http://extractor:8001",
    "MINUANO_TARGET_URL": "postgresql://me:secret-word@host/target",
}


@pytest.fixture(autouse=True)
def only_urls(monkeypatch: Env) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in URLS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def dagster() -> Iterator[Location]:
    with location(from_environment()) as code_location:
        yield code_location


def test_assets_and_checks_are_connected(dagster: Location) -> None:
    Definitions.validate_loadable(dagster.defs)
    graph = dagster.defs.resolve_asset_graph()
    assert graph.get(STATISTICS).parent_keys == {SAMPLES}
    assert {key.name for key in graph.asset_check_keys} == {
        "windows_complete", "ordered", "std_not_negative", "fresh",
    }  # fmt: skip


def test_the_definitions_load_without_an_api_key() -> None:
    loaded = definitions.defs()
    assert {"statistics", "freshness"} <= {job.name for job in loaded.resolve_all_job_defs()}


def test_a_wrong_setting_ends_the_loading_with_one_line(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_DAGSTER_LAST_DAY", "yesterday")
    with pytest.raises(
        ConfigurationError, match=r"^MINUANO_DAGSTER_LAST_DAY: a date is written YYYY-MM-DD$"
    ):
        definitions.defs()


def test_dagster_shows_the_names_of_variables_and_no_secret(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_API_KEY", "secret-word")
    text = repr(from_environment())
    assert "MINUANO_API_KEY" in text
    assert "MINUANO_TARGET_URL" in text
    assert "secret-word" not in text


def test_a_missing_url_is_named(monkeypatch: Env) -> None:
    monkeypatch.delenv("MINUANO_EXTRACTOR_URL")
    unset = pytest.raises(ConfigurationError, match="MINUANO_EXTRACTOR_URL: is not set")
    with unset, ExtractorResource().client():
        pass


@pytest.mark.filterwarnings(DEPRECATED)
@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("UTC", datetime(2025, 12, 6, 2, tzinfo=UTC), "2025-12-05"),
        ("America/Sao_Paulo", datetime(2025, 12, 6, 5, tzinfo=UTC), "2025-12-05"),
        ("Europe/Berlin", datetime(2026, 3, 30, 2, tzinfo=ZoneInfo("Europe/Berlin")), "2026-03-29"),
    ],
)
def test_the_tick_at_two_requests_yesterday(zone: str, at: datetime, day: str) -> None:
    with location(from_environment(), source_timezone=zone) as dagster:
        schedule = dagster.schedule("statistics_nightly")
        assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", zone)
        [request] = dagster.tick("statistics_nightly", at).run_requests
        assert (request.job_name, request.partition_key) == ("statistics", day)


def test_freshness_is_checked_an_hour_later(
    dagster: Location,
) -> None:
    schedule = dagster.schedule("freshness_daily")
    assert (schedule.cron_schedule, schedule.job_name) == ("0 3 * * *", "freshness")


def test_schedules_and_the_sensor_are_on_by_default(dagster: Location) -> None:
    schedules = [dagster.schedule(n) for n in ("statistics_nightly", "freshness_daily")]
    assert {s.default_status for s in schedules} == {DefaultScheduleStatus.RUNNING}
    assert dagster.sensor("late_data").default_status == DefaultSensorStatus.RUNNING
