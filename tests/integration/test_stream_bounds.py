"""Bounds: a full stream makes its writers wait, and nothing is ever trimmed."""

import threading

import pytest

from shared.errors import ShutdownRequested
from shared.settings import RedisSettings
from shared.streams.backoff import Heartbeat
from shared.streams.entries import Output
from shared.streams.publisher import Publisher
from tests.integration.streaming import Rig
from tests.polling import WITHIN_S, wait_until


def _publisher(rig: Rig, stop: threading.Event, **bounds: float) -> Publisher:
    settings: RedisSettings = rig.settings.model_copy(update=bounds)
    return Publisher(rig.client, settings, stop, Heartbeat())


def _publish_all(publisher: Publisher, stream: str, count: int) -> threading.Thread:
    def work() -> None:
        for n in range(count):
            publisher.publish(Output(stream, {"n": n}))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_publisher_waits_at_the_bound_and_goes_on_when_there_is_room(rig: Rig) -> None:
    publisher = _publisher(rig, threading.Event(), max_backlog=3)
    writing = _publish_all(publisher, rig.stream, 10)
    wait_until(lambda: rig.client.xlen(rig.stream) == 3)
    assert not publisher.wait_for_room(rig.stream, within_s=0.3)
    assert writing.is_alive()
    rig.run()
    wait_until(lambda: rig.numbers() == list(range(10)))
    writing.join(WITHIN_S)
    assert not writing.is_alive()


def test_known_room_is_not_queried_again(rig: Rig) -> None:
    publisher = _publisher(rig, threading.Event())
    publisher.publish(Output(rig.stream, {"n": 1}))
    before = rig.client.info("commandstats")
    publisher.publish(Output(rig.stream, {"n": 2}))
    after = rig.client.info("commandstats")
    asked = {
        name: after[f"cmdstat_{name}"]["calls"] - before[f"cmdstat_{name}"]["calls"]
        for name in ("xadd", "xlen")
    }
    assert asked == {"xadd": 1, "xlen": 1}


def test_a_stream_is_bounded_in_bytes_too(rig: Rig) -> None:
    rig.client.xadd(rig.stream, {"payload": b"x" * 200_000})
    publisher = _publisher(rig, threading.Event(), max_backlog_mb=0.1)
    assert not publisher.wait_for_room(rig.stream, within_s=0)
    rig.client.delete(rig.stream)
    assert publisher.wait_for_room(rig.stream, within_s=0)


def test_waiting_for_room_ends_at_shutdown(rig: Rig) -> None:
    rig.add(1)
    stop = threading.Event()
    stop.set()
    with pytest.raises(ShutdownRequested):
        _publisher(rig, stop, max_backlog=1).publish(Output(rig.stream, {"n": 2}))
    assert rig.client.xlen(rig.stream) == 1


def test_a_consumer_reads_nothing_while_its_downstream_is_full(rig: Rig) -> None:
    bounded = rig.settings.model_copy(update={"max_backlog": 2})
    rig.client.xadd(rig.streams.stats, {"n": 0})
    rig.client.xadd(rig.streams.stats, {"n": 1})
    rig.add(1)
    rig.run(settings=bounded, downstream=rig.streams.stats)
    rig.run(settings=bounded, stream=rig.streams.jobs)  # another, to see that time has passed
    rig.client.xadd(rig.streams.jobs, {"n": 9})
    wait_until(lambda: rig.numbers() == [9])
    assert rig.client.xlen(rig.stream) == 1
    rig.client.delete(rig.streams.stats)
    wait_until(lambda: rig.numbers() == [9, 1])
