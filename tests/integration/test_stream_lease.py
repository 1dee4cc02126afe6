"""Leases: who holds an entry, and what is nobody's."""

import threading
from collections.abc import Sequence

import pytest

from shared.errors import InvalidInput, Unavailable
from shared.streams import stage_status
from shared.streams.backoff import Heartbeat
from shared.streams.entries import Entry, Output
from shared.streams.lease import RELEASED, RENEWALS_PER_LEASE, Lease
from tests.integration.streaming import GROUP, LEASE_S, RENEWALS, Clock, Rig
from tests.polling import WITHIN_S, wait_until

CAP_S = 60.0


def _lease(rig: Rig, heartbeat: Heartbeat) -> Lease:
    key = (rig.stream, GROUP)
    times = {"lease_s": LEASE_S, "progress_timeout_s": CAP_S}
    return Lease(rig.client, key, "we", heartbeat, renewals=RENEWALS, **times)


def test_an_entry_that_another_consumer_claimed_meanwhile_is_not_renewed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [], rig.client.xpending_range
    (id,) = rig.add(1)
    rig.deliver_to_lost("we")

    def taken_before_the_second_look(*arguments: object) -> object:
        looks.append(arguments)
        if len(looks) == 2:
            rig.client.xclaim(rig.stream, GROUP, "another", 0, [id])
        return look(*arguments)

    # The other one has to come between two commands of one renewal.
    monkeypatch.setattr(rig.client, "xpending_range", taken_before_the_second_look)
    with _lease(rig, Heartbeat()).renewing([id]):
        wait_until(lambda: len(looks) > 3)
    assert [p["consumer"] for p in look(rig.stream, GROUP, "-", "+", 10)] == [b"another"]


def test_an_unclaimed_entry_is_renewed_again_after_a_silence(rig: Rig) -> None:
    (id,) = rig.add(1)
    rig.deliver_to_lost("we")
    clock = Clock()
    heartbeat = Heartbeat(clock)
    with _lease(rig, heartbeat).renewing([id]):
        clock.now = 2 * CAP_S
        clock.be_looked_at()  # a renewal that was under way is over
        rig.run_out()
        clock.be_looked_at()
        assert rig.has_run_out()
        heartbeat.beat()
        wait_until(lambda: not rig.has_run_out())


def test_no_renewal_outlives_its_lease(rig: Rig) -> None:
    (id,) = rig.add(1)
    rig.deliver_to_lost("we")
    with _lease(rig, Heartbeat()).renewing([id]):
        assert "lease" in {thread.name for thread in threading.enumerate()}
    assert "lease" not in {thread.name for thread in threading.enumerate()}


def test_a_crash_counts_also_when_its_consumer_ends(rig: Rig) -> None:
    def crash(_: Sequence[Entry]) -> list[Output]:
        raise ZeroDivisionError

    rig.add(1)
    rig.run(crash)
    wait_until(lambda: rig.holders() == [RELEASED.encode()])
    rig.stop()
    assert [p["times_delivered"] for p in rig.pending()] == [1]


def test_a_consumer_that_releases_entries_leaves_the_group(rig: Rig) -> None:
    tried = threading.Event()

    def away(_: Sequence[Entry]) -> list[Output]:
        tried.set()
        raise Unavailable("away")

    rig.add(1, 2, 3)
    rig.run(away, batch_size=3)
    assert tried.wait(WITHIN_S)
    rig.stop()
    consumers = rig.client.xinfo_consumers(rig.stream, GROUP)
    assert [(c["name"], c["pending"]) for c in consumers] == [(RELEASED.encode(), 3)]
    assert [p["times_delivered"] for p in rig.pending()] == [0, 0, 0]


def test_a_holder_of_entries_that_is_not_alive_is_not_counted_as_a_worker(rig: Rig) -> None:
    rig.add(1)
    rig.client.xgroup_create(rig.stream, "aggregator", id="0")
    rig.client.xreadgroup("aggregator", "lost-1-ab", {rig.stream: ">"})
    stage = stage_status.stages(rig.client, rig.streams)[1]
    assert (stage.pending, stage.workers) == (1, 0)


@pytest.mark.parametrize("error", [ZeroDivisionError(), InvalidInput("schema", "no")])
def test_a_consumer_that_lost_its_entry_neither_reclaims_nor_dead_letters_it(
    rig: Rig, error: Exception
) -> None:
    begun, fail, finish = threading.Event(), threading.Event(), threading.Event()

    def late(entries: Sequence[Entry]) -> list[Output]:
        if entries[0].fields[b"n"] == b"1":
            begun.set()
            fail.wait(WITHIN_S)
            raise error
        return rig.remember(entries)

    def slow(entries: Sequence[Entry]) -> list[Output]:
        rig.remember(entries)
        finish.wait(WITHIN_S)
        return []

    rig.add(1)
    rig.run(late, renewals=RENEWALS_PER_LEASE)  # none of them comes in the time of a test
    assert begun.wait(WITHIN_S)
    rig.run_out()
    second = rig.run(slow)
    wait_until(lambda: rig.numbers() == [1])
    fail.set()
    rig.add(2)
    wait_until(lambda: rig.numbers() == [1, 2])  # the first one has failed and gone on
    wait_until(lambda: rig.holders() == [second.name.encode()])
    assert rig.dead() == []
    finish.set()
    wait_until(rig.is_empty)


def test_reprocessing_ends_at_shutdown(rig: Rig) -> None:
    rig.add(1, 2, 3)
    rig.deliver_to_lost()
    rig.run_out()

    def last(entries: Sequence[Entry]) -> list[Output]:
        stop.set()
        return rig.remember(entries)

    consumer, stop = rig.consumer(last)
    consumer.run()
    assert rig.numbers() == [1]
    assert [p["times_delivered"] for p in rig.pending()] == [1, 1]


def test_a_dead_letter_that_cannot_be_handled_causes_no_other(rig: Rig) -> None:
    def refuse(entries: Sequence[Entry]) -> list[Output]:
        rig.remember(entries)
        raise InvalidInput("data", "a number too large")

    rig.client.xadd(rig.streams.dead, {"n": 1})
    rig.client.xadd(rig.streams.dead, {"n": 2})
    rig.run(refuse, stream=rig.streams.dead, retain=True)
    wait_until(lambda: rig.numbers() == [1, 2])
    rig.stop()
    assert [fields[b"n"] for fields in rig.dead()] == [b"1", b"2"]
    assert rig.client.xpending(rig.streams.dead, GROUP)["pending"] == 0
