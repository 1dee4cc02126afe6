"""The reporter of waits costs nothing while nothing waits."""

import threading
from typing import Any, cast

import pytest

from shared.errors import Unavailable
from shared.streams.backoff import Heartbeat
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import Entry
from shared.streams.wait_reporter import REPORT_AFTER_S, SLOW_AFTER_S, WaitReporter
from tests.polling import WITHIN_S


class NoRedis:
    """A client that must not be used."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was sent")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_sent_for_short_waits_and_handlers() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    role = ConsumerRole(stage="loader", stream="minuano:stats", group="loader")
    reporter = WaitReporter(cast(Any, NoRedis()), "minuano:", role, "host-1-ab", heartbeat)
    reporter.look()
    with reporter.handling([Entry("1-0", {b"job": b"7"})]):
        clock.now = SLOW_AFTER_S - 0.1
        reporter.look()
    heartbeat.beat()
    heartbeat.begin_wait("the target", "refused")
    clock.now += REPORT_AFTER_S - 0.1
    reporter.look()
    heartbeat.end_wait()
    clock.now += SLOW_AFTER_S
    reporter.look()


def test_a_wait_that_cannot_be_reported_does_not_end_the_reports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    role = ConsumerRole(stage="loader", stream="minuano:stats", group="loader")
    reporter = WaitReporter(
        cast(Any, NoRedis()), "minuano:", role, "host-1-ab", Heartbeat(), every_s=0.001
    )
    looks = iter([ZeroDivisionError, Unavailable])
    ended = threading.Event()

    def look() -> None:
        if failure := next(looks, None):
            raise failure("in vain")
        ended.set()

    monkeypatch.setattr(reporter, "look", look)
    with reporter.reporting():
        assert ended.wait(WITHIN_S)
