"""Exponential backoff with jitter, and the heartbeat of a handler."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import ShutdownRequested

WAIT_MIN_S, WAIT_MAX_S = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait that has not ended: what for, the last error, the number of tries so far, and the time
    when the first one began, by the clock of the heartbeat.
    """

    waits_for: str
    error: str
    tries: int
    started: float


class Heartbeat:
    """When a handler last made progress, or last waited for something unavailable; and the wait, if
    it waits now. The threads that read it see one wait or the next, never a mixture.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.wait: Wait | None = None
        self.beat()

    def beat(self) -> None:
        self._at = self._clock()

    def begin_wait(self, waits_for: str, error: str = "") -> Wait:
        """Count a try that was in vain. The wait began with the last beat before these tries."""
        before = self.wait
        started, tries = (before.started, before.tries) if before else (self._at, 0)
        self.wait = Wait(waits_for, error, tries + 1, started)
        self.beat()
        return self.wait

    def end_wait(self) -> None:
        """A try succeeded."""
        self.wait = None
        self.beat()

    def wait_of(self, waits_for: str, waited_s: float) -> Wait:
        """A wait that was not begun; the last progress is `waited_s` ago."""
        return Wait(waits_for, "", 0, self._clock() - waited_s)

    def sibling(self) -> "Heartbeat":
        """Another heartbeat with the same clock."""
        return Heartbeat(self._clock)

    def waited_s(self, wait: Wait) -> float:
        """Seconds since the wait began."""
        return self._clock() - wait.started

    @property
    def age_s(self) -> float:
        return self._clock() - self._at


class Backoff:
    """Waits that double up to a maximum, with jitter. A wait ends at once at shutdown."""

    def __init__(self, stop: threading.Event, heartbeat: Heartbeat | None = None) -> None:
        self._stop, self._heartbeat = stop, heartbeat
        self.reset()

    def reset(self) -> None:
        self._next_s = WAIT_MIN_S

    def wait(self) -> None:
        """Wait once; raises `ShutdownRequested` at shutdown."""
        if self._heartbeat:
            self._heartbeat.beat()
        if self._stop.wait(self._next_s * random.uniform(0.5, 1.0)):  # noqa: S311 - jitter
            raise ShutdownRequested("stopped while waiting")
        self._next_s = min(self._next_s * 2, WAIT_MAX_S)
