"""Jobs without an entry on any stream are published again; all others are not."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cli.embedded import ports
from services.extractor.job_intake import JobIntake
from services.extractor.sample_client import SampleClient
from services.extractor.settings import ExtractorSettings
from services.extractor.sweeper import BATCHES_PER_READ, JOBS_PER_READ, Sweeper
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.errors import Unavailable
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.entries import StreamNames

DATE = "2025-12-05"
UNUSED_URL = "http://127.0.0.1:1"
TIMEOUT_MS = 20_000


class SweeperCase:
    """A sweeper with its ledger and streams."""

    def __init__(self, target: Engine, settings: ExtractorSettings, until: ExitStack) -> None:
        self.target, self.settings = target, settings
        self.ledger, self.streams = Ledger(target), StreamNames(settings.stream_prefix)
        self.redis = until.enter_context(closing(redis_client.connect(settings)))
        self._connector = until.enter_context(
            closing(SampleClient(settings, page_rows=1, deadline_s=1, attempts=1))
        )
        self.stop = threading.Event()

    def sweeper(
        self, *, client: redis.Redis | None = None, ledger: Ledger | None = None
    ) -> Sweeper:
        client, ledger = client or self.redis, ledger or self.ledger
        intake = JobIntake(self.settings, ledger, client, self._connector)
        return Sweeper(self.settings, ledger, client, intake, self.stop)

    def sweep(self) -> list[int]:
        """Sweep twice, as often as it takes to find a lost job."""
        sweeper = self.sweeper()
        assert sweeper.sweep() == []
        return sweeper.sweep()

    def job(self, *, hours_ago: int = 1, state: str = "running") -> Job:
        """A job without progress for so long."""
        job, _ = self.ledger.add(
            JobRequest(date=DATE), spec=StatisticsSpec(), timezone="UTC", trace=""
        )
        if state == "running":
            job = self.ledger.mark_started(job.id, assets=[""], slices_total=1)
        with self.target.begin() as connection:
            connection.execute(
                text(
                    "UPDATE etl.job SET created_at = created_at - make_interval(hours => :h), "
                    "started_at = started_at - make_interval(hours => :h) WHERE id = :id"
                ),
                {"h": hours_ago, "id": job.id},
            )
        return self.ledger.job(job.id)

    def put(self, stream: str, **fields: Any) -> None:
        entry: dict[Any, Any] = fields
        self.redis.xadd(f"{self.settings.stream_prefix}{stream}", entry)

    def waiting(self) -> list[int]:
        """The ids on the jobs stream."""
        entries: Any = self.redis.xrange(self.streams.jobs)
        return [int(fields[b"job"]) for _, fields in entries]


@pytest.fixture
def case(target: Engine, redis_settings: RedisSettings) -> Iterator[SweeperCase]:
    with ExitStack() as until:
        settings = ExtractorSettings(
            port=0,
            target_url=SecretStr(target.url.render_as_string(hide_password=False)),
            connector_url=UNUSED_URL,
            sweep_interval_s=0.01,
            **redis_settings.model_dump(),
        )
        yield SweeperCase(target, settings, until)


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
    assert case.sweep() == [job.id]


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
    case.job(hours_ago=0)
    assert case.sweep() == []


def test_a_job_that_progresses_during_the_sweep_is_not_published(case: SweeperCase) -> None:
    class Moving(Ledger):
        moves = False

        def stalled(self, *, for_s: float) -> set[int]:
            stalled = super().stalled(for_s=for_s)
            for id in stalled if self.moves else ():
                self.mark_started(id, assets=[""], slices_total=1)
            return stalled

    job, ledger = case.job(state="queued"), Moving(case.target)
    sweeper = case.sweeper(ledger=ledger)
    sweeper.sweep()
    ledger.moves = True
    assert sweeper.sweep() == []
    assert case.ledger.job(job.id).state == "running"


def test_a_job_that_fails_between_two_sweeps_is_not_lost(case: SweeperCase) -> None:
    """Its entry has become a dead letter, which is not handled yet."""
    job, sweeper = case.job(), case.sweeper()
    assert sweeper.sweep() == []
    case.ledger.fail(job.id, reason="deliveries", error="")
    assert (sweeper.sweep(), case.waiting()) == ([], [])


def test_a_job_that_has_ended_is_not_published(case: SweeperCase) -> None:
    case.ledger.cancel(case.job().id)
    case.ledger.fail(case.job().id, reason="contract", error="")
    assert case.sweep() == []


def test_a_job_is_published_again_after_redis_has_lost_its_data(case: SweeperCase) -> None:
    job = case.job()
    case.put("jobs", job=job.id)
    case.redis.delete(case.streams.jobs)
    assert (case.sweep(), case.waiting()) == ([job.id], [job.id])


def test_while_redis_is_unavailable_no_job_counts_as_lost(case: SweeperCase) -> None:
    case.job()
    unavailable = case.settings.model_copy(
        update={"redis_url": SecretStr(f"redis://127.0.0.1:{ports.free()}/0")}
    )
    with closing(redis_client.connect(unavailable)) as client, pytest.raises(Unavailable):
        case.sweeper(client=client).sweep()


def test_after_an_outage_the_next_round_sweeps(case: SweeperCase) -> None:
    class Flaky(Ledger):
        outages = iter([Unavailable("first"), Unavailable("second")])

        def stalled(self, *, for_s: float) -> set[int]:
            if outage := next(self.outages, None):
                raise outage
            return super().stalled(for_s=for_s)

    job = case.job()
    thread = threading.Thread(target=case.sweeper(ledger=Flaky(case.target)).run)
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
