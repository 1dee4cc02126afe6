"""Pauses grow to a bound, start anew after a success, and end at once at shutdown."""

import threading
import time
from types import SimpleNamespace

import pytest

from shared import waiting
from shared.errors import Stopped
from shared.waiting import PAUSE_MAX_S, PAUSE_MIN_S, Heartbeat, Pause

LONG_S = 60.0


class Clockless(threading.Event):
    """A stop event that notes how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jitter, so that a wait is as long as it can be."""
    monkeypatch.setattr("shared.waiting.random", SimpleNamespace(uniform=lambda _, most: most))


@pytest.mark.usefixtures("full")
def test_each_pause_is_twice_as_long_as_the_one_before_up_to_a_bound() -> None:
    stop = Clockless()
    pause = Pause(stop)
    for _ in range(8):
        pause.wait()
    assert stop.waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, PAUSE_MAX_S, PAUSE_MAX_S])


@pytest.mark.usefixtures("full")
def test_after_a_reset_pauses_begin_small_again() -> None:
    stop = Clockless()
    pause = Pause(stop)
    pause.wait()
    pause.wait()
    pause.reset()
    pause.wait()
    assert stop.waits[-1] == PAUSE_MIN_S


def test_jitter_shortens_a_pause_by_half_at_the_most() -> None:
    stop = Clockless()
    for _ in range(200):
        Pause(stop).wait()
    assert PAUSE_MIN_S / 2 <= min(stop.waits) < max(stop.waits) <= PAUSE_MIN_S


def test_shutdown_ends_a_pause_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE_MIN_S", LONG_S)
    stop = threading.Event()
    pause = Pause(stop)
    threading.Timer(0.05, stop.set).start()
    started = time.monotonic()
    with pytest.raises(Stopped):
        pause.wait()
    assert time.monotonic() - started < LONG_S / 4


def test_after_shutdown_there_is_no_pause_at_all() -> None:
    stop = Clockless()
    stop.set()
    with pytest.raises(Stopped):
        Pause(stop).wait()


def test_a_heartbeat_tells_the_time_since_its_last_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 103.0, 110.0, 111.0])
    monkeypatch.setattr("shared.waiting.time", SimpleNamespace(monotonic=lambda: next(clock)))
    heartbeat = Heartbeat()
    assert heartbeat.age_s == 3.0
    heartbeat.beat()
    assert heartbeat.age_s == 1.0


def test_a_pause_is_a_sign_of_life() -> None:
    heartbeat = Heartbeat()
    heartbeat._at -= LONG_S
    Pause(Clockless(), heartbeat).wait()
    assert heartbeat.age_s < LONG_S
