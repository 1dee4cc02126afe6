"""Runs in this process over a real pipeline: a day, a range, and what can go wrong."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from dagster import ExecuteInProcessResult

from services.orchestrator import assets
from services.orchestrator.resources import ExtractorResource
from shared.clients.extractor import ExtractorClient, Job
from shared.clients.settings import ExtractorClientSettings
from shared.environment import build
from tests.e2e.oracle import Span, assert_true
from tests.e2e.pipeline import WITHIN_S, Pipeline
from tests.e2e.source_strategies import DAY, DAY_MINUTES, FIRST_DAY, SECOND_DAY, START, steady
from tests.orchestrator.code_location import ASKS, Location, location, reaching

CHECKS = ["ordered", "std_not_negative", "windows_complete"]


@pytest.fixture
def filled(pipeline: Pipeline) -> Pipeline:
    """Two days in the source."""
    pipeline.fill(steady(START, 2 * DAY_MINUTES))
    return pipeline


def told(run: ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """The metadata of each partition that the run has materialised."""
    return {
        str(event.partition): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in run.get_asset_materialization_events()
    }


def green(run: ExecuteInProcessResult) -> list[tuple[str, str]]:
    """The checks that have passed."""
    found = run.get_asset_check_evaluations()
    return sorted((str(check.partition), check.check_name) for check in found if check.passed)


def failed(run: ExecuteInProcessResult) -> Any:
    """Why the run's step failed."""
    [event] = run.filter_events(lambda event: event.is_step_failure)
    assert told(run) == {}
    return event.step_failure_data.user_failure_data


def jobs(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.in_target("SELECT first_day::text, last_day::text FROM etl.job ORDER BY id")


def test_a_partition_is_a_day_of_1152_rows_and_says_all_about_it(
    filled: Pipeline, dagster: Location
) -> None:
    run = dagster.day(FIRST_DAY)
    assert run.success
    assert filled.in_target("SELECT count(*) FROM data") == [(1_152,)]
    assert_true(filled, Span(start=START, end=START + DAY))
    day = told(run)[FIRST_DAY]
    counts = (day["dagster/partition_row_count"], day["rows"], day["windows"], day["coverage"])
    assert counts == (1_152, 1_440, 144, 1.0)
    assert all(day[f"{stage}_ms"] > 0 for stage in ("extract", "aggregate", "load"))
    assert day["job_link"] == f"{filled.addresses.extractor_url}/jobs/{day['job']}"
    assert day["plot"].startswith("![2025-12-05](data:image/png;base64,")
    assert green(run) == [(FIRST_DAY, name) for name in CHECKS]


def test_the_table_of_a_day_says_what_the_target_has(filled: Pipeline, dagster: Location) -> None:
    table = told(dagster.day(FIRST_DAY))[FIRST_DAY]["statistics"].splitlines()
    [[low, mean, high]] = filled.in_source(
        "SELECT min(w), avg(w), max(w) FROM "
        "(SELECT wind_speed AS w FROM data WHERE timestamp < '2025-12-06Z') AS day"
    )
    assert table[0] == "| signal | unit | windows | min | mean | max |"
    assert table[2] == f"| wind_speed | m/s | 144 | {low:.2f} | {mean:.2f} | {high:.2f} |"
    assert table[3].startswith("| power | kW | 144 |")


def test_a_range_of_partitions_is_one_job_and_each_has_its_own_metadata(
    filled: Pipeline, dagster: Location
) -> None:
    run = dagster.days(FIRST_DAY, SECOND_DAY)
    assert run.success
    assert jobs(filled) == [(FIRST_DAY, SECOND_DAY)]
    days = told(run)
    assert [(day, told["windows"]) for day, told in days.items()] == [
        (FIRST_DAY, 144), (SECOND_DAY, 144),
    ]  # fmt: skip
    assert ["plot" in told for told in days.values()] == [False, True]
    assert days[FIRST_DAY]["statistics"] != days[SECOND_DAY]["statistics"]
    assert green(run) == [(day, name) for day in (FIRST_DAY, SECOND_DAY) for name in CHECKS]


@pytest.mark.filterwarnings(ASKS)
def test_the_run_that_the_tick_asks_for_succeeds(filled: Pipeline, dagster: Location) -> None:
    at = datetime(2025, 12, 6, 2, tzinfo=UTC)
    [request] = dagster.tick("statistics_nightly", at).run_requests
    assert dagster.day(request.partition_key, tags=request.tags).success
    assert jobs(filled) == [(FIRST_DAY, FIRST_DAY)]


def test_a_day_without_samples_is_green_and_says_so(pipeline: Pipeline, dagster: Location) -> None:
    run = dagster.day(FIRST_DAY)
    assert run.success
    day = told(run)[FIRST_DAY]
    assert (day["windows"], day["dagster/partition_row_count"]) == (0, 0)
    assert "no samples" in day["statistics"]
    assert "0 windows" in day["note"]
    said = {c.check_name: c.description for c in run.get_asset_check_evaluations() if c.passed}
    assert said["windows_complete"] == "the source has no samples on this day"


def test_a_job_that_is_refused_fails_the_run_with_the_reason(filled: Pipeline) -> None:
    with location(reaching(filled), dagster_variables="wind_speed,nonsense") as dagster:
        run = dagster.day(FIRST_DAY)
    assert not run.success
    assert "the source has no nonsense" in failed(run).description


def test_services_that_stay_away_fail_the_run(
    filled: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "RETRIES", 1)
    monkeypatch.setattr(assets, "RETRY_AFTER_S", 0)
    nobody = ExtractorResource(url="http://127.0.0.1:1")
    with location({**reaching(filled), "extractor": nobody}) as dagster:
        run = dagster.day(FIRST_DAY)
    assert len(run.filter_events(lambda event: event.is_step_up_for_retry)) == 1
    assert failed(run).description.startswith("no extractor answers at http://127.0.0.1:1")


def test_a_dead_letter_fails_the_run_with_the_reason(filled: Pipeline, dagster: Location) -> None:
    raw = filled.streams.raw
    with ThreadPoolExecutor(1) as pool:
        with filled.paused("aggregator"):
            running = pool.submit(dagster.day, FIRST_DAY)
            [entry] = filled.wait_for_backlog(raw, 1)
            filled.take(raw, [entry])
            filled.add(raw, [(b"", {**entry[1], b"payload": entry[1][b"payload"][:-1]})])
        run = running.result(timeout=WITHIN_S)
    assert not run.success
    metadata = {name: value.value for name, value in failed(run).metadata.items()}
    assert metadata["reason"] == "checksum"
    assert "the entry is not what was published" in metadata["error"]
    assert filled.job(metadata["job"])["state"] == "failed"


class TerminatedExtractor(ExtractorClient):
    """Of a run that is terminated while it uses the attribute `moment`."""

    def __init__(self, access: ExtractorClientSettings, moment: str) -> None:
        super().__init__(access)
        self.moment = moment

    @property
    def url(self) -> str:
        self._signal_in("url")
        return super().url

    def job(self, id: int) -> Job:
        self._signal_in("job")
        return super().job(id)

    def _signal_in(self, moment: str) -> None:
        """Dagster's launcher sends its runs the same signal. One that another thread sent would be
        lost on a sleep that is just beginning: this one is handled before the next line.
        """
        if moment == self.moment:
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the run goes on after the signal")


class TerminatedResource(ExtractorResource):
    """Where a run gets such an extractor."""

    moment: str

    @contextmanager
    def client(self) -> Iterator[ExtractorClient]:
        access = build(ExtractorClientSettings, extractor_url=self.url)
        with closing(TerminatedExtractor(access, self.moment)) as extractor:
            yield extractor


@pytest.mark.parametrize("moment", ["url", "job"], ids=["at once", "while it waits"])
def test_a_run_that_is_terminated_ends_there_and_takes_its_job_along(
    filled: Pipeline, moment: str
) -> None:
    resource = TerminatedResource(url=filled.addresses.extractor_url, moment=moment)
    resources = {**reaching(filled), "extractor": resource}
    with location(resources) as dagster, filled.paused("aggregator"):
        run = dagster.day(FIRST_DAY)
    assert not run.success
    [[state]] = filled.in_target("SELECT state FROM etl.job_status")
    assert state == "cancelled"


def test_a_job_that_does_not_end_in_time_is_cancelled_and_the_run_fails(filled: Pipeline) -> None:
    with location(reaching(filled), dagster_job_timeout_s=0.3) as dagster, filled.paused("loader"):
        run = dagster.day(FIRST_DAY)
    assert not run.success
    metadata = {name: value.value for name, value in failed(run).metadata.items()}
    assert metadata["reason"] == "timeout"
    assert filled.job(metadata["job"])["state"] == "cancelled"
