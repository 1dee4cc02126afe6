"""Recovers lost jobs: a job that is stalled and has no entry on any stream is published again, and
only its missing slices are extracted. A job that is lost again and again fails.
"""

import random
import threading
import time
from collections.abc import Callable

from services.extractor.job_entries import JobEntries
from services.extractor.job_intake import JobIntake
from services.extractor.progress_watch import ProgressWatch
from services.extractor.settings import ExtractorSettings
from services.extractor.stuck_job import stuck_error
from shared import logs
from shared.domain.job import Job
from shared.errors import Unavailable
from shared.ledger.ledger import Ledger
from shared.ledger.open_jobs import OpenJobs, Progress

log = logs.get(__name__)

MAX_REPUBLICATIONS = 5
"""A job is published again so often without a slice loaded in between; then it fails."""


class Sweeper:
    """Looks every `sweep_interval_s` for jobs without progress for `stalled_after_s`."""

    def __init__(
        self,
        settings: ExtractorSettings,
        ledger: Ledger,
        open_jobs: OpenJobs,
        entries: JobEntries,
        intake: JobIntake,
        stop: threading.Event,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._ledger, self._open_jobs = settings, ledger, open_jobs
        self._entries, self._intake, self._stop = entries, intake, stop
        self._watch = ProgressWatch(clock)

    def run(self) -> None:
        """Sweep until `stop` is set; after an outage the next round tries again."""
        while not self._stop.wait(self._settings.sweep_interval_s * random.uniform(0.7, 1.3)):  # noqa: S311
            try:
                self.sweep()
            except Unavailable as outage:
                log.warning("sweep.deferred", error=str(outage))

    def sweep(self) -> list[int]:
        """Publish lost jobs again, or fail them; return their ids."""
        for_s = self._settings.stalled_after_s
        stalled = self._watch.stalled(self._open_jobs.progress(), for_s=for_s)
        lost = self._lost(stalled) if stalled else set()
        for job in self._ledger.by_ids(lost) if lost else ():
            self._recover(job, stalled[job.id])
        return sorted(lost)

    def _lost(self, stalled: dict[int, Progress]) -> set[int]:
        """Those of the stalled jobs that have no entry. While dead letters wait to be handled, none
        counts as lost: a letter makes its job fail.
        """
        missing = self._entries.without_entry(stalled)
        if not missing or not self._entries.letters_are_handled():
            return set()
        now = self._open_jobs.progress()  # an entry may have moved, or ended, during the reads
        return {id for id in missing if now.get(id) == stalled[id]}

    def _recover(self, job: Job, progress: Progress) -> None:
        if progress.republished >= MAX_REPUBLICATIONS:
            since = self._open_jobs.last_load(job.id) or job.created_at
            error = stuck_error(job, self._ledger, republished=progress.republished, since=since)
            log.error("job.stuck", job=job.id, trace=job.trace, error=error)
            self._ledger.fail(job.id, reason="stuck", error=error, attempt=progress.attempt)
            return
        log.warning("job.lost", job=job.id, trace=job.trace, loaded=job.loaded)
        if self._intake.publish(job):
            self._open_jobs.count_republication(job.id, progress)
