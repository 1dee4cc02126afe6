"""Exponential backoff with jitter, and the heartbeat of a handler."""

import random
import threading
import time
from collections.abc import Callable

from shared.errors import ShutdownRequested

WAIT_MIN_S, WAIT_MAX_S = 0.1, 5.0


class Heartbeat:
    """When a handler last made progress, or last waited for something unavailable."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.beat()

    def beat(self) -> None:
        self._at = self._clock()

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
