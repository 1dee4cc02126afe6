"""Runs in this process on a real pipeline: a day, a range, and failures."""

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from typing import Any

import pytest
from dagster import ExecuteInProcessResult

from services.orchestrator import assets
from services.orchestrator.resources import ExtractorResource
from shared.clients.extractor import ExtractorClient
from shared.clients.settings import ExtractorClientSettings
from shared.domain.time_range import ONE_DAY
from shared.environment import build
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, SECOND_DAY, START, steady_samples
from tests.orchestrator.code_location import DEPRECATED, Location, location, reaching
from tests.polling import WITHIN_S

CHECKS = ["ordered", "std_not_negative", "windows_complete"]


@pytest.fixture
def filled(pipeline: Pipeline) -> Pipeline:
    """Two days in the source."""
    pipeline.fill_source(steady_samples(START, 2 * DAY_MINUTES))
    return pipeline


def metadata_of(run: ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """The metadata of each partition that the run materialized."""
    return {
        str(event.partition): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in run.get_asset_materialization_events()
    }


def passed(run: ExecuteInProcessResult) -> list[tuple[str, str]]:
    """The checks that passed."""
    checks = run.get_asset_check_evaluations()
    return sorted((str(check.partition), check.check_name) for check in checks if check.passed)


def failed(run: ExecuteInProcessResult) -> Any:
    """The reason why the run's step failed."""
    [event] = run.filter_events(lambda event: event.is_step_failure)
    assert metadata_of(run) == {}
    return event.step_failure_data.user_failure_data


def jobs(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.in_target("SELECT first_day::text, last_day::text FROM etl.job ORDER BY id")


def test_a_partition_is_a_day_of_1152_rows_with_metadata(
    filled: Pipeline, dagster: Location
) -> None:
    run = dagster.day(FIRST_DAY)
    assert run.success
    assert filled.in_target("SELECT count(*) FROM data") == [(1_152,)]
    assert_target_matches_source(filled, Scope(start=START, end=START + ONE_DAY))
    day = metadata_of(run)[FIRST_DAY]
    counts = (day["dagster/partition_row_count"], day["rows"], day["windows"], day["coverage"])
    assert counts == (1_152, 1_440, 144, 1.0)
    assert all(day[f"{stage}_ms"] > 0 for stage in ("extract", "aggregate", "load"))
    assert day["job_link"] == f"{filled.addresses.extractor_url}/jobs/{day['job']}"
    assert day["plot"].startswith("![2025-12-05](data:image/png;base64,")
    assert passed(run) == [(FIRST_DAY, name) for name in CHECKS]


def test_the_table_of_a_day_has_the_figures_of_the_source(
    filled: Pipeline, dagster: Location
) -> None:
    table = metadata_of(dagster.day(FIRST_DAY))[FIRST_DAY]["statistics"].splitlines()
    [[low, mean, high]] = filled.in_source(
        "SELECT min(w), avg(w), max(w) FROM "
        "(SELECT wind_speed AS w FROM data WHERE timestamp < '2025-12-06Z') AS day"
    )
    assert table[0] == "| signal | unit | windows | min | mean | max |"
    assert table[2] == f"| wind_speed | m/s | 144 | {low:.2f} | {mean:.2f} | {high:.2f} |"
    assert table[3].startswith("| power | kW | 144 |")


def test_a_range_of_partitions_is_one_job_with_metadata_for_each_day(
    filled: Pipeline, dagster: Location
) -> None:
    run = dagster.days(FIRST_DAY, SECOND_DAY)
    assert run.success
    assert jobs(filled) == [(FIRST_DAY, SECOND_DAY)]
    days = metadata_of(run)
    assert [(day, metadata["windows"]) for day, metadata in days.items()] == [
        (FIRST_DAY, 144), (SECOND_DAY, 144),
    ]  # fmt: skip
    assert ["plot" in metadata for metadata in days.values()] == [False, True]
    assert days[FIRST_DAY]["statistics"] != days[SECOND_DAY]["statistics"]
    assert passed(run) == [(day, name) for day in (FIRST_DAY, SECOND_DAY) for name in CHECKS]


@pytest.mark.filterwarnings(DEPRECATED)
def test_the_run_that_the_schedule_requests_succeeds(filled: Pipeline, dagster: Location) -> None:
    at = datetime(2025, 12, 6, 2, tzinfo=UTC)
    [request] = dagster.tick("statistics_nightly", at).run_requests
    assert dagster.day(request.partition_key, tags=request.tags).success
    assert jobs(filled) == [(FIRST_DAY, FIRST_DAY)]


def test_a_day_without_samples_succeeds_with_a_note(pipeline: Pipeline, dagster: Location) -> None:
    run = dagster.day(FIRST_DAY)
    assert run.success
    day = metadata_of(run)[FIRST_DAY]
    assert (day["windows"], day["dagster/partition_row_count"]) == (0, 0)
    assert "no samples" in day["statistics"]
    assert "0 windows" in day["note"]
    texts = {c.check_name: c.description for c in run.get_asset_check_evaluations() if c.passed}
    assert texts["windows_complete"] == "the source has no samples on this day"


def test_a_refused_job_fails_the_run_with_the_reason(filled: Pipeline) -> None:
    with location(reaching(filled), variables="wind_speed,nonsense") as dagster:
        run = dagster.day(FIRST_DAY)
    assert not run.success
    assert "the source has no nonsense" in failed(run).description


def test_a_run_fails_after_its_retries_if_no_extractor_answers(
    filled: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "RETRIES", 1)
    monkeypatch.setattr(assets, "RETRY_AFTER_S", 0)
    unreachable = ExtractorResource(url="http://127.0.0.1:1")
    with location({**reaching(filled), "extractor": unreachable}) as dagster:
        run = dagster.day(FIRST_DAY)
    assert len(run.filter_events(lambda event: event.is_step_up_for_retry)) == 1
    assert failed(run).description.startswith("no extractor answers at http://127.0.0.1:1")


def test_a_dead_letter_fails_the_run_with_the_reason(filled: Pipeline, dagster: Location) -> None:
    raw = filled.streams.raw
    with ThreadPoolExecutor(1) as pool:
        with filled.paused("aggregator"):
            running = pool.submit(dagster.day, FIRST_DAY)
            [entry] = filled.wait_for_backlog(raw, 1)
            filled.remove(raw, [entry])
            filled.add(raw, [(b"", {**entry[1], b"payload": entry[1][b"payload"][:-1]})])
        run = running.result(timeout=WITHIN_S)
    assert not run.success
    metadata = {name: value.value for name, value in failed(run).metadata.items()}
    assert metadata["reason"] == "checksum"
    assert "the entry is not what was published" in metadata["error"]
    assert filled.job(metadata["job"])["state"] == "failed"


class TerminatedExtractor(ExtractorClient):
    """A client of a run that is terminated while it uses the attribute `moment`."""

    def __init__(self, settings: ExtractorClientSettings, moment: str) -> None:
        super().__init__(settings)
        self.moment = moment

    def __getattribute__(self, name: str) -> Any:
        """Dagster's launcher sends the same signal to its runs. A signal from another thread could
        get lost at the start of a sleep; this one is handled before the next line.
        """
        if name == super().__getattribute__("__dict__").get("moment"):
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the run continues after the signal")
        return super().__getattribute__(name)


class TerminatedResource(ExtractorResource):
    """The resource with this client."""

    moment: str

    def client(self) -> AbstractContextManager[ExtractorClient]:
        settings = build(ExtractorClientSettings, extractor_url=self.url)
        return closing(TerminatedExtractor(settings, self.moment))


@pytest.mark.parametrize("moment", ["url", "job"], ids=["at once", "while it waits"])
def test_a_terminated_run_cancels_its_job(filled: Pipeline, moment: str) -> None:
    resource = TerminatedResource(url=filled.addresses.extractor_url, moment=moment)
    resources = {**reaching(filled), "extractor": resource}
    with location(resources) as dagster, filled.paused("aggregator"):
        run = dagster.day(FIRST_DAY)
    assert not run.success
    [[state]] = filled.in_target("SELECT state FROM etl.job_status")
    assert state == "cancelled"


def test_a_job_that_takes_too_long_is_cancelled_and_fails_the_run(filled: Pipeline) -> None:
    with location(reaching(filled), dagster_job_timeout_s=0.3) as dagster, filled.paused("loader"):
        run = dagster.day(FIRST_DAY)
    assert not run.success
    metadata = {name: value.value for name, value in failed(run).metadata.items()}
    assert metadata["reason"] == "timeout"
    assert filled.job(metadata["job"])["state"] == "cancelled"
