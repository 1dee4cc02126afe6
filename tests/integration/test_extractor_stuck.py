"""A job that the streams lose again and again fails as `stuck`, and says what is missing."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine

from services.extractor.stuck_job import stuck_error
from services.extractor.sweeper import MAX_REPUBLICATIONS
from shared.domain.job import Job
from shared.http.job_schemas import JobSummaryOut
from shared.ledger.ledger import Ledger
from shared.ledger.open_jobs import OpenJobs
from shared.settings import RedisSettings
from tests.actors import TESTER
from tests.integration.ledger_jobs import fail, load, slices_of, started
from tests.integration.sweeper_case import SweeperCase, sweeper_case

ASSETS = ("T01", "T02", "T03", "T04", "T05")


@pytest.fixture
def case(target: Engine, redis_settings: RedisSettings) -> Iterator[SweeperCase]:
    with sweeper_case(target, redis_settings) as made:
        yield made


@pytest.fixture
def open_jobs(target: Engine) -> OpenJobs:
    return OpenJobs(target)


def _lose(case: SweeperCase, times: int) -> None:
    """Let the streams lose the only job again after each publication."""
    sweeper = case.sweeper()
    for _ in range(times):
        assert len(case.sweep(sweeper)) == 1
        case.redis.delete(case.streams.jobs)


def _error(case: SweeperCase, job: Job) -> str:
    return stuck_error(case.ledger.job(job.id), case.ledger, republished=5, since=job.created_at)


def test_a_job_that_is_lost_again_and_again_fails(case: SweeperCase) -> None:
    job = case.job()
    _lose(case, MAX_REPUBLICATIONS)
    assert case.ledger.job(job.id).state == "running"
    _lose(case, 1)
    failed = case.ledger.job(job.id)
    assert (failed.state, failed.reason) == ("failed", "stuck")
    assert (failed.error or "").startswith("published again 5 times")
    assert case.waiting() == []


def test_a_load_begins_the_count_anew(case: SweeperCase, open_jobs: OpenJobs) -> None:
    job = started(case.ledger)
    _lose(case, 2)
    assert open_jobs.progress()[job.id].republished == 2
    assert JobSummaryOut.of(case.ledger.job(job.id)).republished == 2
    load(case.target, slices_of(job)[0])
    assert open_jobs.progress()[job.id].republished == 0


@pytest.mark.parametrize(
    "again",
    [lambda ledger, job: ledger.retry(job, by=TESTER), lambda ledger, job: ledger.reopen(job)],
    ids=["retry", "reopen"],
)
def test_a_retry_or_replay_begins_the_count_anew(
    case: SweeperCase, open_jobs: OpenJobs, again: Callable[[Ledger, int], Job]
) -> None:
    job = case.job()
    _lose(case, 2)
    fail(case.ledger, job.id)
    again(case.ledger, job.id)
    assert open_jobs.progress()[job.id].republished == 0


def test_what_redis_did_not_take_is_not_counted(case: SweeperCase, open_jobs: OpenJobs) -> None:
    job = case.job()
    with closing(case.unavailable_redis()) as client:
        assert case.sweep(case.sweeper(intake_client=client)) == [job.id]
    assert open_jobs.progress()[job.id].republished == 0


def test_two_sweepers_that_find_the_same_count_once(case: SweeperCase, open_jobs: OpenJobs) -> None:
    job = case.job()
    seen = open_jobs.progress()[job.id]
    for _ in range(2):
        open_jobs.count_republication(job.id, seen)
    assert open_jobs.progress()[job.id].republished == 1


def test_after_a_publication_the_job_has_time_again(case: SweeperCase) -> None:
    job, sweeper = case.job(), case.sweeper()
    assert case.sweep(sweeper) == [job.id]
    case.redis.delete(case.streams.jobs)
    assert sweeper.sweep() == []


def test_the_error_names_the_first_missing_slices(case: SweeperCase) -> None:
    job = started(case.ledger, assets=ASSETS)
    load(case.target, slices_of(job, "T02")[0])
    assert _error(case, job).endswith(
        "UTC; 4 of 5 slices are missing: T01 2025-12-05 00:00 UTC, T03 2025-12-05 00:00 UTC, "
        "T04 2025-12-05 00:00 UTC, …"
    )


def test_the_error_of_a_source_without_assets_names_the_times(case: SweeperCase) -> None:
    job = started(case.ledger, assets=("",))
    assert _error(case, job).endswith("1 of 1 slices are missing: 2025-12-05 00:00 UTC")


def test_the_error_of_a_job_that_never_started_says_so(case: SweeperCase) -> None:
    assert _error(case, case.job(state="queued")).endswith("the job never started")


def test_the_history_begins_with_the_last_load(case: SweeperCase, open_jobs: OpenJobs) -> None:
    job = started(case.ledger, assets=ASSETS)
    assert open_jobs.last_load(job.id) is None
    load(case.target, slices_of(job, "T02")[0])
    loaded_at = open_jobs.last_load(job.id)
    assert loaded_at is not None
    assert loaded_at >= job.created_at
