"""A sweeper with its ledger and streams, whose clock is that of the test."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import redis
from pydantic import SecretStr
from sqlalchemy import Engine

from cli.embedded import ports
from services.extractor.job_entries import JobEntries
from services.extractor.job_intake import JobIntake
from services.extractor.sample_client import SampleClient
from services.extractor.settings import ExtractorSettings
from services.extractor.sweeper import Sweeper
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.ledger.ledger import Ledger
from shared.ledger.open_jobs import OpenJobs
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.entries import StreamNames
from tests.actors import TESTER
from tests.integration.streaming import Clock

DATE = "2025-12-05"
GROUP = "extractor"
UNUSED_URL = "http://127.0.0.1:1"


@contextmanager
def sweeper_case(target: Engine, redis_settings: RedisSettings) -> Iterator["SweeperCase"]:
    """A case with a stream prefix of its own."""
    with ExitStack() as until:
        settings = ExtractorSettings(
            port=0,
            target_url=SecretStr(target.url.render_as_string(hide_password=False)),
            connector_url=UNUSED_URL,
            sweep_interval_s=0.01,
            **redis_settings.model_dump(),
        )
        yield SweeperCase(target, settings, until)


class SweeperCase:
    """A sweeper with its ledger and streams."""

    def __init__(self, target: Engine, settings: ExtractorSettings, until: ExitStack) -> None:
        self.target, self.settings = target, settings
        self.ledger, self.streams = Ledger(target), StreamNames(settings.stream_prefix)
        self.redis = until.enter_context(closing(redis_client.connect(settings)))
        self._connector = until.enter_context(
            closing(SampleClient(settings, page_rows=1, deadline_s=1, attempts=1))
        )
        self.stop, self.clock = threading.Event(), Clock()

    def sweeper(
        self,
        *,
        client: redis.Redis | None = None,
        intake_client: redis.Redis | None = None,
        open_jobs: OpenJobs | None = None,
    ) -> Sweeper:
        client, open_jobs = client or self.redis, open_jobs or OpenJobs(self.target)
        intake = JobIntake(self.settings, self.ledger, intake_client or client, self._connector)
        entries = JobEntries(client, self.streams, group=GROUP)
        return Sweeper(
            self.settings, self.ledger, open_jobs, entries, intake, self.stop, clock=self.clock
        )

    def stall(self) -> None:
        """Let the time pass after which a job without progress is stalled."""
        self.clock.now += self.settings.stalled_after_s

    def sweep(self, sweeper: Sweeper | None = None) -> list[int]:
        """Sweep twice, as often as it takes to find a lost job."""
        sweeper = sweeper or self.sweeper()
        assert sweeper.sweep() == []
        self.stall()
        return sweeper.sweep()

    def job(self, *, state: str = "running") -> Job:
        """A job without an entry."""
        job, _ = self.ledger.add(
            JobRequest(date=DATE, variables=("power",)),
            spec=StatisticsSpec(),
            timezone="UTC",
            trace="",
            by=TESTER,
        )
        if state == "running":
            job = self.ledger.mark_started(job.id, assets=[""], slices_total=1)
        return job

    def unavailable_redis(self) -> redis.Redis:
        """A client of a Redis that does not answer."""
        url = SecretStr(f"redis://127.0.0.1:{ports.free()}/0")
        return redis_client.connect(self.settings.model_copy(update={"redis_url": url}))

    def put(self, stream: str, **fields: Any) -> None:
        entry: dict[Any, Any] = fields
        self.redis.xadd(f"{self.settings.stream_prefix}{stream}", entry)

    def handle_letters(self) -> None:
        """Let the group of the dead letters handle all letters."""
        self.redis.xgroup_create(self.streams.dead, GROUP, "0", mkstream=True)
        reply: Any = self.redis.xreadgroup(GROUP, "one", {self.streams.dead: ">"})
        for _, letters in reply:
            self.redis.xack(self.streams.dead, GROUP, *(id for id, _ in letters))

    def waiting(self) -> list[int]:
        """The ids on the jobs stream."""
        entries: Any = self.redis.xrange(self.streams.jobs)
        return [int(fields[b"job"]) for _, fields in entries]
