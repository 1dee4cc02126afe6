"""Jobs that the streams lost are published again; those on their way are left alone."""

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
from services.extractor.sweeper import JOBS_AT_ONCE, READ_AT_ONCE, Sweeper
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.errors import Unavailable
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.entries import StreamNames

DATE = "2025-12-05"
NOWHERE = "http://127.0.0.1:1"
GIVE_UP_MS = 20_000


class Swept:
    """A sweeper, and what it looks at."""

    def __init__(self, target: Engine, settings: ExtractorSettings, until: ExitStack) -> None:
        self.target, self.settings = target, settings
        self.ledger, self.streams = Ledger(target), StreamNames(settings.stream_prefix)
        self.redis = until.enter_context(closing(redis_client.connect(settings)))
        self._connector = until.enter_context(
            closing(SampleClient(NOWHERE, None, page_rows=1, deadline_s=1, attempts=1))
        )
        self.stop = threading.Event()

    def sweeper(
        self, *, client: redis.Redis | None = None, ledger: Ledger | None = None
    ) -> Sweeper:
        client, ledger = client or self.redis, ledger or self.ledger
        intake = JobIntake(self.settings, ledger, client, self._connector)
        return Sweeper(self.settings, ledger, client, intake, self.stop)

    def sweep(self) -> list[int]:
        return self.sweeper().sweep()

    def job(self, *, hours_ago: int = 1, state: str = "running") -> Job:
        """A job that last moved so long ago."""
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
        """The jobs on the stream of jobs."""
        entries: Any = self.redis.xrange(self.streams.jobs)
        return [int(fields[b"job"]) for _, fields in entries]


@pytest.fixture
def swept(target: Engine, redis_settings: RedisSettings) -> Iterator[Swept]:
    with ExitStack() as until:
        settings = ExtractorSettings(
            port=0,
            target_url=SecretStr(target.url.render_as_string(hide_password=False)),
            connector_url=NOWHERE,
            sweep_interval_s=0.01,
            **redis_settings.model_dump(),
        )
        yield Swept(target, settings, until)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_lost_job_is_published_again(swept: Swept, state: str) -> None:
    job = swept.job(state=state)
    assert (swept.sweep(), swept.waiting()) == ([job.id], [job.id])


def test_a_job_that_is_published_again_is_on_its_way(swept: Swept) -> None:
    swept.job()
    swept.sweep()
    assert swept.sweep() == []


@pytest.mark.parametrize("stream", ["jobs", "raw", "stats"])
def test_a_job_that_a_stream_still_has_is_not_lost(swept: Swept, stream: str) -> None:
    swept.put(stream, job=swept.job().id)
    assert swept.sweep() == []


def test_a_job_that_became_a_dead_letter_is_not_on_its_way(swept: Swept) -> None:
    job = swept.job()
    swept.put("dead", job=job.id)
    assert swept.sweep() == [job.id]


def test_a_job_in_the_hands_of_a_worker_is_not_lost(swept: Swept) -> None:
    swept.put("jobs", job=swept.job().id, chunk=3)
    swept.redis.xgroup_create(swept.streams.jobs, "extractor", "0")
    swept.redis.xreadgroup("extractor", "worker-1", {swept.streams.jobs: ">"})
    assert swept.sweep() == []


@pytest.mark.parametrize(
    ("stream", "before"),
    [
        ("raw", READ_AT_ONCE - 1), ("raw", READ_AT_ONCE), ("raw", 2 * READ_AT_ONCE),
        ("jobs", JOBS_AT_ONCE - 1), ("jobs", JOBS_AT_ONCE),
    ],
)  # fmt: skip
def test_a_job_far_back_on_a_stream_is_not_lost(swept: Swept, stream: str, before: int) -> None:
    for _ in range(before):
        swept.put(stream, job=0)
    swept.put(stream, job=swept.job().id)
    assert swept.sweep() == []


def test_entries_without_a_number_hide_no_lost_job(swept: Swept) -> None:
    job = swept.job()
    swept.put("jobs", date=DATE)
    swept.put("raw", job="seven")
    swept.put("raw", job="9" * 5_000)
    assert swept.sweep() == [job.id]


def test_of_two_jobs_only_the_lost_one_is_published(swept: Swept) -> None:
    lost, on_its_way = swept.job(), swept.job()
    swept.put("raw", job=on_its_way.id)
    assert swept.sweep() == [lost.id]


def test_a_job_that_moved_lately_is_left_alone(swept: Swept) -> None:
    swept.job(hours_ago=0)
    assert swept.sweep() == []


def test_a_job_that_moves_while_the_streams_are_read_is_left_alone(swept: Swept) -> None:
    class Moving(Ledger):
        def stalled(self, *, for_s: float) -> set[int]:
            found = super().stalled(for_s=for_s)
            for id in found:
                self.mark_started(id, assets=[""], slices_total=1)
            return found

    job = swept.job(state="queued")
    assert swept.sweeper(ledger=Moving(swept.target)).sweep() == []
    assert swept.ledger.job(job.id).state == "running"


def test_a_job_that_has_ended_is_left_alone(swept: Swept) -> None:
    swept.ledger.cancel(swept.job().id)
    swept.ledger.fail(swept.job().id, reason="contract", error="")
    assert swept.sweep() == []


def test_a_job_is_found_again_when_redis_has_lost_everything(swept: Swept) -> None:
    job = swept.job()
    swept.put("jobs", job=job.id)
    swept.redis.delete(swept.streams.jobs)
    assert (swept.sweep(), swept.waiting()) == ([job.id], [job.id])


def test_while_redis_is_away_nothing_is_taken_for_lost(swept: Swept) -> None:
    swept.job()
    away = swept.settings.model_copy(
        update={"redis_url": SecretStr(f"redis://127.0.0.1:{ports.free()}/0")}
    )
    with closing(redis_client.connect(away)) as client, pytest.raises(Unavailable):
        swept.sweeper(client=client).sweep()


def test_an_outage_puts_off_the_sweep_to_the_next_round(swept: Swept) -> None:
    class Flaky(Ledger):
        answers = iter([Unavailable("the target is away"), Unavailable("still")])

        def stalled(self, *, for_s: float) -> set[int]:
            if outage := next(self.answers, None):
                raise outage
            return super().stalled(for_s=for_s)

    job = swept.job()
    thread = threading.Thread(target=swept.sweeper(ledger=Flaky(swept.target)).run)
    thread.start()
    try:
        with closing(redis_client.connect(swept.settings, socket_timeout_s=60)) as reader:
            reader.xread({swept.streams.jobs: "0"}, block=GIVE_UP_MS)
    finally:
        swept.stop.set()
        thread.join()
    assert swept.waiting() == [job.id]


def test_the_sweeper_ends_when_asked_to(swept: Swept) -> None:
    swept.stop.set()
    swept.sweeper().run()
    assert swept.waiting() == []
