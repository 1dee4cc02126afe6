"""Ending and outages: nothing is left to a lease, and Redis may go and come back."""

import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cli.embedded.child_process import Child, stop_all
from cli.embedded.redis_server import RedisServer
from shared.errors import Unavailable
from shared.streams.entries import Entry, Output
from tests.integration.conftest import SERVERS, settings_of
from tests.integration.streaming import GROUP, Rig
from tests.polling import WITHIN_S, wait_until


def test_an_entry_being_handled_is_finished_at_shutdown(rig: Rig) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(entries: Sequence[Entry]) -> list[Output]:
        begun.set()
        go_on.wait(WITHIN_S)
        return rig.remember(entries)

    rig.add(1, 2)
    rig.run(slow)
    begun.wait(WITHIN_S)
    rig.stop(meanwhile=go_on.set)
    assert rig.numbers() == [1]
    assert rig.pending() == []
    assert rig.client.xlen(rig.stream) == 1


def test_an_entry_held_up_by_an_outage_is_released_without_a_delivery(rig: Rig) -> None:
    tried = threading.Event()

    def away(_: Sequence[Entry]) -> list[Output]:
        tried.set()
        raise Unavailable("away")

    rig.add(1)
    rig.run(away)
    tried.wait(WITHIN_S)
    rig.stop()
    rig.run()
    wait_until(rig.is_empty)
    assert [entry.deliveries for entry in rig.handled] == [1]


def test_a_consumer_that_stops_leaves_the_group(rig: Rig) -> None:
    rig.run()
    rig.add(1)
    wait_until(rig.is_empty)
    rig.stop()
    assert rig.client.xinfo_consumers(rig.stream, GROUP) == []


@pytest.fixture(params=SERVERS, ids=lambda server: f"{server.name}-{server.version}")
def own(
    request: pytest.FixtureRequest, server_folder: Path
) -> Iterator[tuple[RedisServer, list[Child]]]:
    """A server that the test may end and start again."""
    folder = server_folder / f"own-{uuid.uuid4().hex[:8]}"
    server = RedisServer(folder, server_folder / "logs", server=request.param)
    children = [server.start()]
    yield server, children
    stop_all(children, within_s=10)


def test_a_consumer_outlives_a_restart_of_redis(own: tuple[RedisServer, list[Child]]) -> None:
    server, children = own
    rig = Rig(settings_of(server))
    rig.run()
    rig.add(1)
    wait_until(rig.is_empty)
    stop_all(children, within_s=10)
    children.append(server.start())
    rig.add(2)
    wait_until(lambda: rig.numbers() == [1, 2] and rig.is_empty())
    rig.stop()


def test_entries_added_after_flushall_are_handled(own: tuple[RedisServer, list[Child]]) -> None:
    rig = Rig(settings_of(own[0]))
    rig.run()
    rig.add(1)
    wait_until(rig.is_empty)
    rig.client.flushall()
    rig.add(2)
    wait_until(lambda: rig.numbers() == [1, 2] and rig.is_empty())
    rig.stop()


def test_a_full_redis_is_waited_for_and_outputs_are_not_doubled(
    own: tuple[RedisServer, list[Child]],
) -> None:
    rig = Rig(settings_of(own[0]))
    handled: list[int] = []
    again, seen = threading.Event(), threading.Event()

    def pass_on(entries: Sequence[Entry]) -> list[Output]:
        if handled:
            again.set()
            seen.wait(WITHIN_S)
        else:
            rig.client.config_set("maxmemory", "1")
        handled.append(entries[0].deliveries)
        return [Output(rig.streams.stats, {"n": 1})]

    rig.run(pass_on)
    rig.add(1)
    assert again.wait(WITHIN_S)
    assert rig.client.xlen(rig.streams.stats) == 0
    assert rig.pending()
    rig.client.config_set("maxmemory", "0")
    seen.set()
    wait_until(rig.is_empty)
    assert rig.client.xlen(rig.streams.stats) == 1
    assert set(handled) == {1}
    assert rig.dead() == []
    rig.stop()


def test_a_read_only_redis_is_waited_for(own: tuple[RedisServer, list[Child]]) -> None:
    rig = Rig(settings_of(own[0]))
    rig.run()
    rig.add(1)
    wait_until(rig.is_empty)
    rig.client.execute_command("REPLICAOF", "127.0.0.1", "1")
    rig.client.execute_command("REPLICAOF", "NO", "ONE")
    rig.add(2)
    wait_until(lambda: rig.numbers() == [1, 2] and rig.is_empty())
    assert rig.dead() == []
    rig.stop()
