"""Waits for a job, and raises an error as soon as the job cannot end any more."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cli.embedded.child_process import Child
from shared.errors import MinuanoError

WITHIN_S = 300.0
CHECK_EVERY_S = 0.5
MAX_COMPLAINTS = 5
"""So many warnings of one service while no slice is loaded are more than a short outage."""
STATES_WITHOUT_END = ("failed", "cancelled")
_COMPLAINT = re.compile(r'\[(warning|error|critical) *\]|"level": "(warning|error|critical)"')


class Progress(NamedTuple):
    """What the ledger says about a job."""

    state: str
    loaded: int
    reason: str


class ServiceLog:
    """The lines that a service adds to its log from now on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skip()

    def skip(self) -> None:
        """Ignore the lines that the log has now."""
        self._start = self.path.stat().st_size

    def complaints(self) -> list[str]:
        """The new warnings and errors."""
        with self.path.open("rb") as file:
            file.seek(self._start)
            lines = file.read().decode(errors="replace").splitlines()
        return [line for line in lines if _COMPLAINT.search(line)]


class JobWatch:
    """Watches one job and the services that work on it."""

    def __init__(
        self,
        job: int,
        progress: Callable[[], Progress],
        services: Sequence[Child],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._job, self._progress, self._services = job, progress, services
        self._clock, self._pause = clock, pause
        self._logs = [ServiceLog(child.log) for child in services]
        self._loaded = 0

    def wait(self, is_done: Callable[[], bool], *, poll_s: float) -> None:
        """Return when the job is done; raises `MinuanoError` that names the log if it cannot be."""
        deadline = self._clock() + WITHIN_S
        next_check = self._clock() + CHECK_EVERY_S
        while not is_done():
            if (now := self._clock()) > next_check:
                self.check()
                next_check = now + CHECK_EVERY_S
            if now > deadline:
                raise self._error(f"has not ended within {WITHIN_S:g} s")
            self._pause(poll_s)

    def check(self) -> None:
        """Raise `MinuanoError` if the job failed, a service ended, or one only complains."""
        state, loaded, reason = self._progress()
        if state in STATES_WITHOUT_END:
            raise self._error(f"is {state} ({reason})")
        for child in self._services:
            child.require_running()
        if loaded != self._loaded:
            self._loaded = loaded
            for log in self._logs:
                log.skip()
        if any(len(log.complaints()) >= MAX_COMPLAINTS for log in self._logs):
            raise self._error("makes no progress")

    def _error(self, what: str) -> MinuanoError:
        complaints = [
            f"{log.path}: {lines[-1]}" for log in self._logs if (lines := log.complaints())
        ]
        folders = sorted({str(log.path.parent) for log in self._logs})
        return MinuanoError(f"job {self._job} {what}; see {' | '.join(complaints or folders)}")
