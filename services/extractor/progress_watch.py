"""Since when open jobs have made no progress, by the clock of this process alone.

Stamps of the ledger are of the clock of PostgreSQL, which may go back. So a job counts as stalled
when this process has seen the same progress for long enough.
"""

import time
from collections.abc import Callable, Mapping

from shared.ledger.open_jobs import Progress


class ProgressWatch:
    """Remembers the progress of each open job, and when it was seen first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, tuple[Progress, float]] = {}

    def stalled(self, open_jobs: Mapping[int, Progress], *, for_s: float) -> dict[int, Progress]:
        """Those of the open jobs that were seen with the same progress `for_s` seconds ago."""
        now = self._clock()
        since = {}
        for id, progress in open_jobs.items():
            before, seen_at = self._seen.get(id, (None, now))
            since[id] = progress, seen_at if progress == before else now
        self._seen = since
        return {id: progress for id, (progress, at) in since.items() if now - at >= for_s}
