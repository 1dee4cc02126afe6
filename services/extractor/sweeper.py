"""Recovers lost jobs: a job that is stalled and has no entry on any stream is published again, and
only its missing slices are extracted.
"""

import random
import threading
from collections.abc import Iterator
from typing import Any

import redis

from services.extractor.job_intake import JobIntake
from services.extractor.settings import ExtractorSettings
from shared import logs
from shared.errors import Unavailable
from shared.ledger.ledger import Ledger
from shared.streams import redis_client
from shared.streams.entries import StreamNames, parse_job_id

log = logs.get(__name__)

BATCHES_PER_READ = 4  # each has a payload of up to 16 MB
JOBS_PER_READ = 1_000


class Sweeper:
    """Looks every `sweep_interval_s` for jobs without progress for `stalled_after_s`."""

    def __init__(
        self,
        settings: ExtractorSettings,
        ledger: Ledger,
        client: redis.Redis,
        intake: JobIntake,
        stop: threading.Event,
    ) -> None:
        self._settings, self._ledger, self._redis = settings, ledger, client
        self._intake, self._stop = intake, stop
        self._streams = StreamNames(settings.stream_prefix)
        self._missing: set[int] = set()

    def run(self) -> None:
        """Sweep until `stop` is set; after an outage the next round tries again."""
        while not self._stop.wait(self._settings.sweep_interval_s * random.uniform(0.7, 1.3)):  # noqa: S311
            try:
                self.sweep()
            except Unavailable as outage:
                log.warning("sweep.deferred", error=str(outage))

    def sweep(self) -> list[int]:
        """Publish lost jobs again; return their ids. A job is lost if it has no entry now and had
        none in the last sweep: meanwhile a dead letter makes its job fail.
        """
        stalled = self._ledger.stalled(for_s=self._settings.stalled_after_s)
        missing = self._without_entry(stalled) if stalled else set()
        missing_twice, self._missing = missing & self._missing, missing
        if not missing_twice:
            return []
        # A job that moved from one stream to the next during the read is not lost.
        lost = missing_twice & self._ledger.stalled(for_s=self._settings.stalled_after_s)
        for job in self._ledger.by_ids(lost):
            log.warning("job.lost", job=job.id, trace=job.trace, loaded=job.loaded)
            self._intake.publish(job)
        return sorted(lost)

    def _without_entry(self, jobs: set[int]) -> set[int]:
        """Those of the jobs that have no entry on any stream. It reads only until all were seen."""
        missing = set(jobs)
        for stream, per_read in (
            (self._streams.jobs, JOBS_PER_READ),
            (self._streams.raw, BATCHES_PER_READ),
            (self._streams.stats, BATCHES_PER_READ),
        ):
            for found in self._jobs_in(stream, per_read):
                missing -= found
                if not missing:
                    return missing
        return missing

    def _jobs_in(self, stream: str, per_read: int) -> Iterator[set[int]]:
        """The jobs of the entries, some entries at a time; a stream has a maximum length."""
        start = "-"
        while True:
            with redis_client.redis_errors():
                entries: Any = self._redis.xrange(stream, start, "+", per_read)
            yield {id for _, fields in entries if (id := parse_job_id(fields)) is not None}
            if len(entries) < per_read:
                return
            start = f"({entries[-1][0].decode()}"
