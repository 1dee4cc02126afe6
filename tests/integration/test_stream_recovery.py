"""Recovering: others handle the pending entries of a lost consumer, once and not too soon."""

import subprocess
import sys
import threading
from collections.abc import Sequence

from shared.streams.backoff import Heartbeat
from shared.streams.entries import Entry, Output
from tests.integration.streaming import GROUP, LEASE_S, Clock, Rig
from tests.polling import WITHIN_S, wait_until

# A consumer whose process ends at once when it meets the number 3.
KILLED_BY_THREE = """
import os, sys, threading
from shared.streams.entries import StreamNames
from shared.settings import RedisSettings
from shared.streams.consumer import Consumer
from shared.streams.consumer_role import ConsumerRole

def handle(entries):
    for entry in entries:
        if entry.fields[b"n"] == b"3":
            os._exit(9)
        client.rpush(sys.argv[3], entry.fields[b"n"])
    return []

settings = RedisSettings(redis_url=sys.argv[1], stream_prefix=sys.argv[2], read_block_s=0.1,
                         lease_s=float(sys.argv[4]), max_deliveries=3)
role = ConsumerRole(stage="test", stream=StreamNames(sys.argv[2]).raw, group="workers",
                    batch_size=10)
consumer = Consumer(role, handle, settings, threading.Event())
client = consumer._redis
consumer.run()
"""


def test_entries_of_a_lost_consumer_are_handled_after_their_lease(rig: Rig) -> None:
    rig.add(1, 2)
    rig.deliver_to_lost()
    rig.run_out()
    rig.run()
    wait_until(rig.is_empty)
    assert rig.numbers() == [1, 2]
    assert [entry.deliveries for entry in rig.handled] == [2, 2]


def test_nothing_is_claimed_before_its_lease_expires(rig: Rig) -> None:
    rig.add(1)
    rig.deliver_to_lost()
    rig.run()
    rig.add(2)
    wait_until(lambda: rig.numbers() == [2])
    rig.add(3)
    wait_until(lambda: rig.numbers() == [2, 3])
    wait_until(lambda: rig.holders() == [b"lost"])


def test_a_handler_slower_than_the_lease_keeps_its_entry(rig: Rig) -> None:
    go_on = threading.Event()

    def slow(entries: Sequence[Entry]) -> list[Output]:
        go_on.wait(WITHIN_S)
        return rig.remember(entries)

    rig.add(1)
    rig.run(slow)
    wait_until(rig.pending)
    rig.run_out()
    wait_until(lambda: not rig.has_run_out())  # it is renewed
    rig.run()
    rig.add(2)
    wait_until(lambda: rig.numbers() == [2])  # another has looked for leases that have run out
    go_on.set()
    wait_until(rig.is_empty)
    assert [(n, entry.deliveries) for n, entry in zip(rig.numbers(), rig.handled, strict=True)] == [
        (2, 1), (1, 1),
    ]  # fmt: skip


def test_a_handler_without_progress_loses_its_entry(rig: Rig) -> None:
    begun, stuck, clock = threading.Event(), threading.Event(), Clock()

    def hang(_: Sequence[Entry]) -> list[Output]:
        begun.set()
        stuck.wait(WITHIN_S)
        return []

    rig.add(1)
    rig.run(hang, heartbeat=Heartbeat(clock))
    assert begun.wait(WITHIN_S)
    clock.now = 2 * rig.settings.progress_timeout_s
    _see_renewals_end(rig, clock)
    rig.run()
    wait_until(lambda: [entry.deliveries for entry in rig.handled] == [2])
    stuck.set()


def test_only_the_entry_that_kills_its_process_is_dead_lettered(rig: Rig) -> None:
    rig.add(*range(6))
    done = f"{rig.settings.stream_prefix}done"
    arguments = [
        sys.executable, "-c", KILLED_BY_THREE,
        rig.settings.redis_url.get_secret_value(), rig.settings.stream_prefix, done, str(LEASE_S),
    ]  # fmt: skip
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    try:

        def one_is_dead() -> bool:
            nonlocal process
            if process.poll() is not None:
                assert process.returncode == 9
                rig.run_out()
                process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
            return bool(rig.dead()) and rig.client.xlen(rig.stream) == 0

        wait_until(one_is_dead, within_s=240)
    finally:
        process.kill()
        process.wait()
    (dead,) = rig.dead()
    assert (dead[b"n"], dead[b"dead_reason"]) == (b"3", b"deliveries")
    assert {int(n) for n in rig.client.lrange(done, 0, -1)} == {0, 1, 2, 4, 5}


def test_a_pending_entry_that_was_deleted_is_acknowledged(rig: Rig) -> None:
    (gone,) = rig.add(1)
    rig.add(2)
    rig.deliver_to_lost()
    rig.client.xdel(rig.stream, gone)
    rig.run_out()
    rig.run()
    wait_until(rig.is_empty)
    assert rig.numbers() == [2]


def test_entries_delivered_over_a_broken_connection_are_handled_at_once(rig: Rig) -> None:
    consumer, stop = rig.consumer()
    rig.add(1)
    rig.deliver_to_lost(consumer.name)
    thread = threading.Thread(target=consumer.run)
    thread.start()
    wait_until(rig.is_empty)
    stop.set()
    thread.join(WITHIN_S)
    assert [entry.deliveries for entry in rig.handled] == [1]


def test_a_consumer_that_finishes_after_its_lease_does_no_harm(rig: Rig) -> None:
    begun, go_on, clock = threading.Event(), threading.Event(), Clock()

    def late(entries: Sequence[Entry]) -> list[Output]:
        begun.set()
        go_on.wait(WITHIN_S)
        return [Output(rig.streams.stats, {"by": "zombie"})]

    rig.add(1)
    rig.run(late, heartbeat=Heartbeat(clock))
    assert begun.wait(WITHIN_S)
    clock.now = 2 * rig.settings.progress_timeout_s
    _see_renewals_end(rig, clock)
    rig.run()
    wait_until(lambda: rig.numbers() == [1] and rig.is_empty())
    go_on.set()
    wait_until(lambda: rig.client.xlen(rig.streams.stats) == 1)
    rig.add(2)
    wait_until(rig.is_empty)
    assert rig.dead() == []


def test_silent_consumers_are_pruned_only_if_they_hold_no_entries(rig: Rig) -> None:
    rig.add(1)
    rig.deliver_to_lost("holds-one")
    rig.client.xgroup_createconsumer(rig.stream, GROUP, "holds-none")
    silent = f"{rig.stream}:workers"
    rig.client.zadd(silent, {"holds-one": 0, "holds-none": 0})
    rig.run()
    wait_until(lambda: rig.client.zscore(silent, "holds-none") is None)
    names = {c["name"] for c in rig.client.xinfo_consumers(rig.stream, GROUP)}
    assert b"holds-one" in names
    assert b"holds-none" not in names


def _see_renewals_end(rig: Rig, clock: Clock) -> None:
    """Let the lease of the only pending entry run out, and see that it is not renewed."""
    clock.be_looked_at()  # a renewal that was under way is over
    rig.run_out()
    clock.be_looked_at()
    assert rig.has_run_out()
