"""Outages in which Redis still answers: it is full, read-only, or has lost the stream."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.errors import InvalidInput, Unavailable
from shared.streams import redis_client
from shared.streams.backoff import Heartbeat
from shared.streams.entries import Entry, Output
from shared.streams.job_waits import take_snapshot
from shared.streams.lease import Lease
from tests.integration.streaming import GROUP, LEASE_S, Rig
from tests.polling import WITHIN_S, wait_until

Configure = Callable[[str, str], None]
CLAIMED_WITHIN_S = 60.0
"""Much less than a lease."""


@pytest.fixture
def configure(rig: Rig) -> Iterator[Configure]:
    """Changes the server's configuration until the test ends."""
    before: dict[str, str] = {}

    def change(name: str, value: str) -> None:
        before.setdefault(name, rig.client.config_get(name)[name])
        rig.client.config_set(name, value)

    yield change
    for name, value in before.items():
        rig.client.config_set(name, value)


@pytest.fixture
def replica(rig: Rig) -> Iterator[Callable[[], None]]:
    """Makes the server a read-only replica until the test ends, or makes it none again."""
    roles = iter([("127.0.0.1", "1"), ("NO", "ONE")])
    yield lambda: rig.client.execute_command("REPLICAOF", *next(roles))
    rig.client.execute_command("REPLICAOF", "NO", "ONE")


def test_a_full_redis_is_still_read_and_emptied(rig: Rig, configure: Configure) -> None:
    rig.add(1, 2)
    rig.client.xgroup_create(rig.stream, GROUP, id="0")
    configure("maxmemory", "1")
    rig.run()
    wait_until(rig.is_empty)
    assert rig.numbers() == [1, 2]


def test_a_dead_letter_without_room_waits_while_others_are_handled(
    rig: Rig, configure: Configure
) -> None:
    def refuse_one(entries: Sequence[Entry]) -> list[Output]:
        if entries[0].fields[b"n"] == b"1":
            raise InvalidInput("schema", "no")
        return rig.remember(entries)

    rig.add(1, 2, 3)
    rig.client.xgroup_create(rig.stream, GROUP, id="0")
    configure("maxmemory", "1")
    rig.run(refuse_one)
    wait_until(lambda: rig.numbers() == [2, 3] and rig.client.xlen(rig.stream) == 1)
    configure("maxmemory", "0")
    wait_until(rig.is_empty)
    assert [(dead[b"dead_reason"], dead[b"dead_deliveries"]) for dead in rig.dead()] == [
        (b"schema", b"1")
    ]


def test_an_outage_during_the_acknowledgement_is_waited_for(rig: Rig, configure: Configure) -> None:
    deliveries: list[int] = []

    def pass_on(entries: Sequence[Entry]) -> list[Output]:
        if not deliveries:
            configure("min-replicas-to-write", "1")
        deliveries.append(entries[0].deliveries)
        return [Output(rig.streams.stats, {"n": 1})]

    rig.add(1)
    rig.run(pass_on)
    wait_until(lambda: deliveries)
    configure("min-replicas-to-write", "0")
    wait_until(rig.is_empty)
    assert rig.client.xlen(rig.streams.stats) == 1
    assert set(deliveries) == {1}


def test_the_client_reconnects_after_a_read_only_error(
    rig: Rig, replica: Callable[[], None]
) -> None:
    client = redis_client.connect(rig.settings)
    before = client.client_id()
    replica()
    with pytest.raises(Unavailable), redis_client.redis_errors():
        client.xadd(rig.stream, {"n": 1})
    assert client.client_id() != before
    client.close()


def test_after_an_outage_leases_are_claimed_one_lease_later(
    rig: Rig, replica: Callable[[], None]
) -> None:
    rig.add(1, 2)
    rig.deliver_to_lost(count=1)
    rig.run_out()
    replica()
    with capture_logs() as log:
        rig.run()
        wait_until(lambda: "redis.unavailable" in [event["event"] for event in log])
    replica()
    wait_until(lambda: rig.numbers() == [2])
    rig.add(3)
    wait_until(lambda: rig.numbers() == [2, 3])
    wait_until(lambda: rig.holders() == [b"lost"])


def test_after_an_outage_a_released_entry_is_claimed_at_once(
    rig: Rig, replica: Callable[[], None]
) -> None:
    (id,) = rig.add(1)
    rig.deliver_to_lost()
    lease = Lease(
        rig.client, (rig.stream, GROUP), "lost", Heartbeat(),
        lease_s=LEASE_S, progress_timeout_s=LEASE_S,
    )  # fmt: skip
    lease.release(id, 0)
    replica()
    with capture_logs() as log:
        rig.run()
        wait_until(lambda: "redis.unavailable" in [event["event"] for event in log])
    replica()
    wait_until(rig.is_empty, within_s=CLAIMED_WITHIN_S)
    assert [entry.deliveries for entry in rig.handled] == [1]


ASKING: list[Callable[[Any, str], Any]] = [
    lambda client, stream: client.xinfo_consumers(stream, GROUP),
    lambda client, stream: client.xgroup_delconsumer(stream, GROUP, "we"),
    lambda client, stream: client.xpending_range(stream, GROUP, "-", "+", 1),
    lambda client, stream: client.xclaim(stream, GROUP, "we", 0, ["1-1"]),
    lambda client, stream: client.xreadgroup(GROUP, "we", {stream: ">"}),
]


@pytest.mark.parametrize("ask", ASKING)
def test_commands_on_a_missing_stream_raise_group_missing(
    rig: Rig, ask: Callable[[Any, str], Any]
) -> None:
    with pytest.raises(redis_client.GroupMissing), redis_client.redis_errors():
        ask(rig.client, rig.stream)


def test_stopping_during_an_outage_takes_no_longer_than_one_wait(
    rig: Rig, replica: Callable[[], None]
) -> None:
    replica()
    consumer, stop = rig.consumer()
    thread = threading.Thread(target=consumer.run)
    thread.start()
    stop.set()
    thread.join(WITHIN_S)
    assert not thread.is_alive()


def test_a_redis_that_refuses_changes_is_what_jobs_wait_for(
    rig: Rig, replica: Callable[[], None]
) -> None:
    replica()
    error = take_snapshot(rig.client, rig.streams).error
    assert error is not None
    assert "read only replica" in error
    with pytest.raises(Unavailable, match="read only replica"):
        redis_client.check(rig.client, rig.streams)
