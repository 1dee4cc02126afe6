"""Heals what the streams lost: a job that stands still and is nowhere on them is published again,
and only its missing slices are extracted.
"""

import random
import threading
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

READ_AT_ONCE = 64
JOBS_AT_ONCE = 1_000


class Sweeper:
    """Looks every `sweep_interval_s` for jobs that have not moved for `stalled_after_s`."""

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

    def run(self) -> None:
        """Sweep until asked to stop; an outage is the next round's to heal."""
        while not self._stop.wait(self._settings.sweep_interval_s * random.uniform(0.7, 1.3)):  # noqa: S311
            try:
                self.sweep()
            except Unavailable as outage:
                log.warning("sweep.put_off", error=str(outage))

    def sweep(self) -> list[int]:
        """Publish lost jobs again; return their numbers."""
        still = self._ledger.stalled(for_s=self._settings.stalled_after_s)
        if not still or not (missed := still - self._slices_in_streams()):
            return []
        # What passed through the streams while they were read has moved, and is not lost.
        lost = missed & self._ledger.stalled(for_s=self._settings.stalled_after_s)
        for job in self._ledger.by_ids(lost):
            log.warning("job.lost", job=job.id, trace=job.trace, loaded=job.loaded)
            self._intake.publish(job)
        return sorted(lost)

    def _slices_in_streams(self) -> set[int]:
        """The jobs that some stream still has an entry of; the streams' bounds bound this read."""
        on_jobs = self._jobs_on(self._streams.jobs, JOBS_AT_ONCE)
        batches = (self._streams.raw, self._streams.stats)
        return on_jobs.union(*(self._jobs_on(stream, READ_AT_ONCE) for stream in batches))

    def _jobs_on(self, stream: str, at_once: int) -> set[int]:
        found: set[int] = set()
        after = "-"
        while True:
            with redis_client.redis_errors():
                entries: Any = self._redis.xrange(stream, after, "+", at_once)
            for _, fields in entries:
                if (number := parse_job_id(fields)) is not None:
                    found.add(number)
            if len(entries) < at_once:
                return found
            after = f"({entries[-1][0].decode()}"
