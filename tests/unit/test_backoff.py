"""Pauses grow to a bound, start anew after a success, and end at once at shutdown."""

import threading

import pytest

from shared.errors import ShutdownRequested
from shared.streams.backoff import WAIT_MAX_S, WAIT_MIN_S, Backoff, Heartbeat

LONG_S = 60.0
MANY = 200
"""Of so many pauses the longest is about as long as a pause can be."""


class Clockless(threading.Event):
    """A stop event that notes how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


class SetMeanwhile(threading.Event):
    """A stop event that is set while it is waited for."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return super().wait(timeout)


def waits(count: int) -> list[float]:
    """How long the pauses of one outage are."""
    stop = Clockless()
    pause = Backoff(stop)
    for _ in range(count):
        pause.wait()
    return stop.waits


def test_each_wait_is_twice_as_long_as_the_last_up_to_a_maximum() -> None:
    longest = [max(pauses) for pauses in zip(*(waits(8) for _ in range(MANY)), strict=True)]
    bounds = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, WAIT_MAX_S, WAIT_MAX_S]
    assert longest == pytest.approx(bounds, rel=0.1)


def test_after_a_reset_waits_start_small_again() -> None:
    stop = Clockless()
    pause = Backoff(stop)
    for _ in range(4):
        pause.wait()
    pause.reset()
    pause.wait()
    assert stop.waits[-1] <= WAIT_MIN_S


def test_jitter_shortens_a_wait_by_half_at_most() -> None:
    first = [waits(1)[0] for _ in range(MANY)]
    assert WAIT_MIN_S / 2 <= min(first) < max(first) <= WAIT_MIN_S


def test_shutdown_ends_a_wait() -> None:
    with pytest.raises(ShutdownRequested):
        Backoff(SetMeanwhile()).wait()


def test_after_shutdown_there_is_no_wait() -> None:
    stop = Clockless()
    stop.set()
    with pytest.raises(ShutdownRequested):
        Backoff(stop).wait()


def test_a_heartbeat_tells_the_time_since_its_last_beat() -> None:
    clock = iter([100.0, 103.0, 110.0, 111.0])
    heartbeat = Heartbeat(clock=lambda: next(clock))
    assert heartbeat.age_s == 3.0
    heartbeat.beat()
    assert heartbeat.age_s == 1.0


def test_a_wait_is_a_heartbeat() -> None:
    now = 0.0
    heartbeat = Heartbeat(clock=lambda: now)
    now = LONG_S
    Backoff(Clockless(), heartbeat).wait()
    assert heartbeat.age_s == 0.0
