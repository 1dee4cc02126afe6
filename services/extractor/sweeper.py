"""Heals what the streams lost: a job that stands still and is nowhere on them is published again,
and only its missing slices are extracted.
"""

import random
import threading
from typing import Any

import redis

from services.extractor.job_intake import Intake
from services.extractor.settings import ExtractorSettings
from shared import logs
from shared.errors import Outage
from shared.ledger.ledger import Ledger
from shared.streams import redis_client
from shared.streams.entries import Streams, job_number

log = logs.get(__name__)

READ_AT_ONCE = 64
JOBS_AT_ONCE = 1_000


class Sweeper:
    """Looks every `sweep_every_s` for jobs that have not moved for `stall_s`."""

    def __init__(
        self,
        settings: ExtractorSettings,
        ledger: Ledger,
        client: redis.Redis,
        intake: Intake,
        stop: threading.Event,
    ) -> None:
        self._settings, self._ledger, self._redis = settings, ledger, client
        self._intake, self._stop = intake, stop
        self._streams = Streams(settings.stream_prefix)

    def run(self) -> None:
        """Sweep until asked to stop; an outage is the next round's to heal."""
        while not self._stop.wait(self._settings.sweep_every_s * random.uniform(0.7, 1.3)):  # noqa: S311
            try:
                self.sweep()
            except Outage as outage:
                log.warning("sweep.put_off", error=str(outage))

    def sweep(self) -> list[int]:
        """Publish lost jobs again; return their numbers."""
        still = self._ledger.standing_still(for_s=self._settings.stall_s)
        if not still or not (missed := still - self._on_the_way()):
            return []
        # What passed through the streams while they were read has moved, and is not lost.
        lost = missed & self._ledger.standing_still(for_s=self._settings.stall_s)
        for job in self._ledger.these(lost):
            log.warning("job.lost", job=job.id, trace=job.trace, loaded=job.loaded)
            self._intake.publish(job)
        return sorted(lost)

    def _on_the_way(self) -> set[int]:
        """The jobs that some stream still has an entry of; the streams' bounds bound this read."""
        on_jobs = self._jobs_on(self._streams.jobs, JOBS_AT_ONCE)
        batches = (self._streams.raw, self._streams.stats)
        return on_jobs.union(*(self._jobs_on(stream, READ_AT_ONCE) for stream in batches))

    def _jobs_on(self, stream: str, at_once: int) -> set[int]:
        found: set[int] = set()
        after = "-"
        while True:
            with redis_client.translated():
                entries: Any = self._redis.xrange(stream, after, "+", at_once)
            for _, fields in entries:
                if (number := job_number(fields)) is not None:
                    found.add(number)
            if len(entries) < at_once:
                return found
            after = f"({entries[-1][0].decode()}"
