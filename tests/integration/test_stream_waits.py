"""A consumer that waits records it in Redis and in the log; afterwards nothing of it is left."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.errors import Unavailable
from shared.streams import waits, worker_registry
from shared.streams.backoff import Heartbeat
from shared.streams.consumer import Handler
from shared.streams.entries import Entry, Output, SetAside
from shared.streams.job_waits import take_snapshot
from shared.streams.publisher import Publisher
from shared.streams.wait_reporter import ASIDE_ENDS_S, WaitReporter
from shared.streams.waits import BUSY, HANDLER, RECORD_EXPIRES_S, ROOM, WaitRecord
from tests.integration.streaming import Clock, Rig
from tests.polling import WITHIN_S, wait_until

REFUSED = "PostgreSQL: connection refused"
A_MINUTE_S = 60.0


class Outage:
    """A handler that finds its server unavailable until `over` is set."""

    def __init__(self) -> None:
        self.over, self.tried = threading.Event(), threading.Event()

    def __call__(self, entries: Sequence[Entry]) -> list[Output]:
        self.tried.set()
        if not self.over.is_set():
            raise Unavailable(REFUSED)
        return []


def until(finish: threading.Event, running: threading.Event | None = None) -> Handler:
    """A handler that ends when the first event is set, and sets the other one when it begins."""

    def handle(_: Sequence[Entry]) -> list[Output]:
        if running:
            running.set()
        assert finish.wait(WITHIN_S)
        return []

    return handle


def records(rig: Rig) -> list[WaitRecord]:
    return waits.read(rig.client, rig.streams)


def recorded(rig: Rig) -> int:
    """The number of records, also of those that expired."""
    return int(rig.client.zcard(rig.streams.waits))


def test_a_consumer_records_what_it_waits_for_until_the_wait_ends(rig: Rig) -> None:
    clock, outage = Clock(), Outage()
    rig.client.zadd(rig.streams.waits, {_expired(rig): 0})
    rig.add(1, job=7)
    rig.run(outage, heartbeat=Heartbeat(clock))
    assert outage.tried.wait(WITHIN_S)
    clock.be_looked_at()
    clock.now = A_MINUTE_S
    [record] = wait_until(lambda: records(rig))
    assert (record.stage, record.jobs) == ("test", (7,))
    assert (record.waits_for, record.error) == ("the target", REFUSED)
    assert record.last_ms - record.since_ms == A_MINUTE_S * 1000
    wait_until(lambda: records(rig)[0].tries > record.tries)
    outage.over.set()
    wait_until(lambda: recorded(rig) == 0)


def test_a_consumer_that_stops_leaves_no_record(rig: Rig) -> None:
    clock, outage = Clock(), Outage()
    rig.add(1)
    rig.run(outage, heartbeat=Heartbeat(clock))
    assert outage.tried.wait(WITHIN_S)
    clock.be_looked_at()
    clock.now = A_MINUTE_S
    wait_until(lambda: records(rig))
    rig.stop()
    assert recorded(rig) == 0


def test_a_pause_is_logged_with_its_jobs_and_tries(rig: Rig) -> None:
    outage = Outage()
    rig.add(1, job=7)
    with capture_logs() as log:
        rig.run(outage)

        def pauses() -> list[Any]:
            return [line for line in log if line["event"] == "stage.paused"]

        wait_until(lambda: len(pauses()) > 1)
        outage.over.set()
        rig.stop()
    first, second = pauses()[:2]
    assert (first["jobs"], first["tries"], second["tries"]) == ([7], 1, 2)
    assert first["error"] == REFUSED
    assert first["since"] <= second["since"]


def test_a_slow_handler_is_reported_once_while_it_runs(rig: Rig) -> None:
    clock, finish, running = Clock(), threading.Event(), threading.Event()
    rig.add(1, job=7)
    with capture_logs() as log:
        rig.run(until(finish, running), heartbeat=Heartbeat(clock))
        wait_until(running.is_set)  # after its first beat
        clock.now = A_MINUTE_S
        [record] = wait_until(lambda: records(rig))
        clock.be_looked_at()
        finish.set()
        wait_until(lambda: recorded(rig) == 0)
    assert (record.waits_for, record.jobs, record.tries) == (HANDLER, (7,), 0)
    [slow] = [line for line in log if line["event"] == "entry.slow"]
    assert (slow["stage"], slow["jobs"], slow["seconds"]) == ("test", [7], A_MINUTE_S)


def test_entries_that_are_set_aside_wait_until_they_are_handled(rig: Rig) -> None:
    clock, over, tried = Clock(), threading.Event(), threading.Event()

    def others_work(entries: Sequence[Entry]) -> list[Output]:
        tried.set()
        if not over.is_set():
            raise SetAside("another loader works on their days", entries)
        return []

    rig.add(1, job=7)
    rig.run(others_work, heartbeat=Heartbeat(clock))
    assert tried.wait(WITHIN_S)
    clock.be_looked_at()
    clock.now = ASIDE_ENDS_S - 1
    [record] = wait_until(lambda: records(rig))
    assert (record.waits_for, record.jobs) == (BUSY, (7,))
    assert record.error == "another loader works on their days"
    wait_until(lambda: records(rig)[0].tries > record.tries)
    over.set()
    wait_until(rig.is_empty)
    clock.now = A_MINUTE_S
    wait_until(lambda: recorded(rig) == 0)


def test_a_full_stream_is_a_wait_without_jobs(rig: Rig) -> None:
    clock = Clock()
    rig.client.xadd(rig.streams.stats, {"n": 1})
    full = rig.settings.model_copy(update={"max_backlog": 1})
    rig.run(settings=full, downstream=rig.streams.stats, heartbeat=Heartbeat(clock))
    clock.be_looked_at()
    clock.now = A_MINUTE_S
    [record] = wait_until(lambda: records(rig))
    assert (record.waits_for, record.jobs, record.error) == (ROOM, (), "")
    rig.client.delete(rig.streams.stats)
    wait_until(lambda: recorded(rig) == 0)


def test_a_consumer_that_handles_entries_for_long_is_seen_as_alive(rig: Rig) -> None:
    finish = threading.Event()
    rig.add(1)
    consumer = rig.run(until(finish))
    wait_until(lambda: rig.pending())
    worker_registry.deregister(rig.client, rig.stream, consumer.name)
    wait_until(lambda: worker_registry.live(rig.client, rig.stream) == {consumer.name})
    finish.set()


def record(**changed: Any) -> WaitRecord:
    fields: dict[str, Any] = {
        "consumer": "host-1-ab", "stage": "loader", "jobs": (1,), "waits_for": "the target",
        "error": "", "tries": 1, "since_ms": 0, "last_ms": 0, **changed,
    }  # fmt: skip
    return WaitRecord(**fields)


def _expired(rig: Rig) -> str:
    age_ms = int(RECORD_EXPIRES_S * 1000) + 1
    return record(last_ms=waits.now_ms(rig.client) - age_ms).model_dump_json()


def _of_another_clock(rig: Rig) -> str:
    """Redis's clock has gone back since."""
    return record(last_ms=waits.now_ms(rig.client) + 7_200_000).model_dump_json()


@pytest.mark.parametrize("text", [_expired, _of_another_clock, lambda _: "no record"])
def test_a_record_that_nobody_renews_is_ignored_and_deleted_by_the_next_wait(
    rig: Rig, text: Callable[[Rig], str]
) -> None:
    rig.client.zadd(rig.streams.waits, {text(rig): 0})
    current = record(last_ms=waits.now_ms(rig.client))
    written = waits.write(rig.client, rig.streams, current)
    assert records(rig) == [current]
    waits.delete_expired(rig.client, rig.streams)
    assert rig.client.zrange(rig.streams.waits, 0, -1) == [written.encode()]


def test_a_redis_without_memory_is_what_jobs_wait_for(rig: Rig) -> None:
    rig.client.config_set("maxmemory", "1")
    try:
        error = take_snapshot(rig.client, rig.streams).error
    finally:
        rig.client.config_set("maxmemory", "0")
    assert error is not None
    assert "out of memory" in error
    assert take_snapshot(rig.client, rig.streams).error is None


def test_a_wait_for_redis_goes_on_while_the_next_stream_has_room(rig: Rig) -> None:
    heartbeat = Heartbeat()
    publisher = Publisher(rig.client, rig.settings, threading.Event(), heartbeat)
    wait = heartbeat.begin_wait("Redis", "no permission")
    assert publisher.wait_for_room(rig.streams.stats)
    assert heartbeat.wait == wait


def test_a_consumer_that_waits_for_redis_is_seen_as_alive(rig: Rig) -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    prefix = rig.settings.stream_prefix
    reporter = WaitReporter(rig.client, prefix, rig.role(), "host-1-ab", heartbeat)
    heartbeat.begin_wait("Redis", "no permission")
    clock.now = A_MINUTE_S
    for _ in range(3):
        reporter.look()
    assert worker_registry.live(rig.client, rig.stream) == {"host-1-ab"}
