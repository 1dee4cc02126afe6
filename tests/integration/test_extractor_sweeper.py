"""Jobs without an entry on any stream are published again; all others are not."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Engine

from services.extractor.job_entries import BATCHES_PER_READ, JOBS_PER_READ
from shared.errors import Unavailable
from shared.ledger.open_jobs import OpenJobs, Progress
from shared.settings import RedisSettings
from shared.streams import redis_client
from tests.actors import TESTER
from tests.integration.ledger_jobs import make_older
from tests.integration.sweeper_case import DATE, GROUP, SweeperCase, sweeper_case

TIMEOUT_MS = 20_000


@pytest.fixture
def case(target: Engine, redis_settings: RedisSettings) -> Iterator[SweeperCase]:
    with sweeper_case(target, redis_settings) as made:
        yield made


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_lost_job_is_published_again(case: SweeperCase, state: str) -> None:
    job = case.job(state=state)
    assert (case.sweep(), case.waiting()) == ([job.id], [job.id])


def test_a_job_is_published_only_once(case: SweeperCase) -> None:
    case.job()
    case.sweep()
    assert case.sweep() == []


@pytest.mark.parametrize("stream", ["jobs", "raw", "stats"])
def test_a_job_with_an_entry_on_a_stream_is_not_lost(case: SweeperCase, stream: str) -> None:
    case.put(stream, job=case.job().id)
    assert case.sweep() == []


def test_a_job_with_only_a_dead_letter_is_lost(case: SweeperCase) -> None:
    job = case.job()
    case.put("dead", job=job.id)
    case.handle_letters()
    assert case.sweep() == [job.id]


@pytest.mark.parametrize("is_delivered", [False, True])
def test_no_job_is_lost_while_a_dead_letter_waits_to_be_handled(
    case: SweeperCase, is_delivered: bool
) -> None:
    job = case.job()
    case.handle_letters()
    case.put("dead", job=job.id)
    if is_delivered:
        case.redis.xreadgroup(GROUP, "one", {case.streams.dead: ">"})
    assert case.sweep() == []


def test_no_job_is_lost_while_the_dead_letters_have_no_group(case: SweeperCase) -> None:
    case.put("dead", job=case.job().id)
    assert case.sweep() == []


@pytest.mark.parametrize("other", [{"attempt": 1}, {"ledger": "another"}])
def test_an_entry_of_an_earlier_attempt_or_of_another_ledger_does_not_count(
    case: SweeperCase, other: dict[str, Any]
) -> None:
    job = case.job()
    case.ledger.fail(job.id, reason="contract", error="")
    job = case.ledger.retry(job.id, by=TESTER)
    case.put("raw", **{"job": job.id, "attempt": job.attempt, "ledger": job.ledger, **other})
    assert case.sweep() == [job.id]


def test_an_entry_of_the_newest_attempt_counts(case: SweeperCase) -> None:
    job = case.job()
    case.put("raw", job=job.id, attempt=job.attempt, ledger=job.ledger)
    assert case.sweep() == []


def test_a_job_that_a_worker_has_leased_is_not_lost(case: SweeperCase) -> None:
    case.put("jobs", job=case.job().id, chunk=3)
    case.redis.xgroup_create(case.streams.jobs, "extractor", "0")
    case.redis.xreadgroup("extractor", "worker-1", {case.streams.jobs: ">"})
    assert case.sweep() == []


@pytest.mark.parametrize(
    ("stream", "before"),
    [
        ("raw", BATCHES_PER_READ - 1), ("raw", BATCHES_PER_READ), ("raw", 2 * BATCHES_PER_READ),
        ("jobs", JOBS_PER_READ - 1), ("jobs", JOBS_PER_READ),
    ],
)  # fmt: skip
def test_a_job_at_the_end_of_a_long_stream_is_not_lost(
    case: SweeperCase, stream: str, before: int
) -> None:
    for _ in range(before):
        case.put(stream, job=0)
    case.put(stream, job=case.job().id)
    assert case.sweep() == []


def test_entries_without_a_job_id_hide_no_lost_job(case: SweeperCase) -> None:
    job = case.job()
    case.put("jobs", date=DATE)
    case.put("raw", job="seven")
    case.put("raw", job="9" * 5_000)
    assert case.sweep() == [job.id]


def test_only_the_lost_one_of_two_jobs_is_published(case: SweeperCase) -> None:
    lost, other = case.job(), case.job()
    case.put("raw", job=other.id)
    assert case.sweep() == [lost.id]


def test_a_job_with_recent_progress_is_not_published(case: SweeperCase) -> None:
    job, sweeper = case.job(), case.sweeper()
    sweeper.sweep()
    case.stall()
    case.ledger.mark_published([job.slice_of("", time_range) for time_range in job.spans()])
    assert sweeper.sweep() == []


@pytest.mark.parametrize("hours", [-2, 2])
def test_stamps_of_the_ledger_do_not_matter(case: SweeperCase, hours: int) -> None:
    """The clock of PostgreSQL went back or forward."""
    job, sweeper = case.job(), case.sweeper()
    make_older(case.target, hours=hours)
    assert case.sweep(sweeper) == [job.id]


def test_a_job_is_not_lost_before_it_was_seen_without_progress(case: SweeperCase) -> None:
    case.job()
    make_older(case.target, hours=2)
    sweeper = case.sweeper()
    sweeper.sweep()
    case.clock.now += case.settings.stalled_after_s - 1
    assert sweeper.sweep() == []


def test_a_job_that_progresses_during_the_sweep_is_not_published(case: SweeperCase) -> None:
    class Moving(OpenJobs):
        def progress(self) -> dict[int, Progress]:
            progress = super().progress()
            for id in progress if case.clock.now else ():
                case.ledger.mark_started(id, assets=[""], slices_total=1)
            return progress

    job = case.job(state="queued")
    assert case.sweep(case.sweeper(open_jobs=Moving(case.target))) == []
    assert case.ledger.job(job.id).state == "running"


def test_a_job_that_has_ended_is_not_published(case: SweeperCase) -> None:
    case.ledger.cancel(case.job().id, by=TESTER)
    case.ledger.fail(case.job().id, reason="contract", error="")
    assert case.sweep() == []


def test_a_job_is_published_again_after_redis_has_lost_its_data(case: SweeperCase) -> None:
    job = case.job()
    case.put("jobs", job=job.id)
    case.redis.delete(case.streams.jobs)
    assert (case.sweep(), case.waiting()) == ([job.id], [job.id])


def test_while_redis_is_unavailable_no_job_counts_as_lost(case: SweeperCase) -> None:
    case.job()
    with closing(case.unavailable_redis()) as client:
        sweeper = case.sweeper(client=client)
        sweeper.sweep()
        case.stall()
        with pytest.raises(Unavailable):
            sweeper.sweep()


def test_after_an_outage_the_next_round_sweeps(case: SweeperCase) -> None:
    class Flaky(OpenJobs):
        outages = iter([Unavailable("first"), Unavailable("second")])

        def progress(self) -> dict[int, Progress]:
            if outage := next(self.outages, None):
                raise outage
            case.stall()
            return super().progress()

    job = case.job()
    thread = threading.Thread(target=case.sweeper(open_jobs=Flaky(case.target)).run)
    thread.start()
    try:
        with closing(redis_client.connect(case.settings, socket_timeout_s=60)) as reader:
            reader.xread({case.streams.jobs: "0"}, block=TIMEOUT_MS)
    finally:
        case.stop.set()
        thread.join()
    assert case.waiting() == [job.id]


def test_the_sweeper_ends_when_stop_is_set(case: SweeperCase) -> None:
    case.stop.set()
    case.sweeper().run()
    assert case.waiting() == []
