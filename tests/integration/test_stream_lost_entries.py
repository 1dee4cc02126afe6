"""Entries that Redis would never deliver again, or not for hours, are found and handled."""

from datetime import timedelta
from typing import Any

import pytest

from shared.streams import stage_status, worker_registry
from shared.streams.backoff import Heartbeat
from shared.streams.lease import RELEASED, Lease
from shared.streams.lost_entries import MIN_LOOKS, PENDING_PER_LOOK, LostEntries
from shared.streams.redis_client import GroupMissing
from tests.integration.redis_clock import set_back
from tests.integration.streaming import GROUP, LEASE_S, Clock, Rig
from tests.polling import wait_until

NOBODY = RELEASED.encode()
TWO_HOURS = timedelta(hours=2)


def _lease(rig: Rig) -> Lease:
    return Lease(
        rig.client, (rig.stream, GROUP), "we", Heartbeat(), lease_s=LEASE_S, progress_timeout_s=60
    )


def _lost_entries(rig: Rig, clock: Clock, **role: Any) -> LostEntries:
    return LostEntries(rig.client, rig.role(**role), _lease(rig), lease_s=LEASE_S, clock=clock)


def _remove(rig: Rig, name: str = "lost") -> None:
    """What a person does who cleans up after a lost worker."""
    rig.client.xgroup_delconsumer(rig.stream, GROUP, name)


def _deliver(rig: Rig, name: str) -> None:
    rig.client.xreadgroup(GROUP, name, {rig.stream: ">"}, count=1)


def test_an_entry_whose_consumer_was_removed_is_handled(rig: Rig) -> None:
    rig.add(1)
    rig.deliver_to_lost()
    _remove(rig)
    rig.run()
    wait_until(rig.is_empty)
    assert [entry.deliveries for entry in rig.handled] == [2]


def test_an_entry_that_became_undeliverable_between_two_others_is_handled(rig: Rig) -> None:
    rig.add(1, 2, 3)
    rig.deliver_to_lost("first", count=1)
    _deliver(rig, "lost")
    _deliver(rig, "last")
    _remove(rig)
    rig.run()
    wait_until(lambda: rig.numbers() == [2] and rig.holders() == [b"first", b"last"])


def test_all_entries_that_a_removed_consumer_held_are_released_in_one_look(rig: Rig) -> None:
    rig.add(*range(20))
    rig.deliver_to_lost()
    _remove(rig)
    _lost_entries(rig, Clock()).release()
    assert rig.holders() == [NOBODY] * 20


def test_an_entry_that_was_never_delivered_is_not_claimed(rig: Rig) -> None:
    rig.add(1)
    rig.deliver_to_lost()
    rig.add(2)
    _lost_entries(rig, Clock()).release()
    assert rig.holders() == [b"lost"]


def test_entries_behind_those_of_one_look_are_not_claimed(rig: Rig) -> None:
    rig.add(*range(PENDING_PER_LOOK + 1))
    rig.deliver_to_lost(count=PENDING_PER_LOOK + 1)
    rig.run_out()
    _lost_entries(rig, Clock()).release()
    assert set(rig.holders()) == {b"lost"}


def test_an_undeliverable_entry_that_another_consumer_claimed_first_stays_with_it(rig: Rig) -> None:
    (id,) = rig.add(1)
    rig.deliver_to_lost()
    _remove(rig)
    lease = _lease(rig)
    assert lease.release_undeliverable(id, deliveries=1)
    rig.client.xclaim(rig.stream, GROUP, "faster", 0, [id])
    assert not lease.release_undeliverable(id, deliveries=1)
    assert rig.holders() == [b"faster"]


def test_dead_letters_that_were_handled_are_not_handled_again(rig: Rig) -> None:
    rig.add(1)
    rig.run(retain=True)
    wait_until(lambda: rig.numbers() == [1] and not rig.pending())
    _lost_entries(rig, Clock(), retain=True).release()
    assert rig.pending() == []


def _looks(rig: Rig, *, times: int, every_s: float) -> list[bytes]:
    """Look several times; return who holds the entries then."""
    clock = Clock()
    entries = _lost_entries(rig, clock)
    for _ in range(times):
        entries.release()
        clock.now += every_s
    return rig.holders()


@pytest.mark.parametrize("back", [TWO_HOURS, timedelta(seconds=-1)])
def test_an_entry_that_is_not_renewed_for_a_lease_is_released_whatever_redis_says(
    rig: Rig, back: timedelta
) -> None:
    rig.add(1)
    rig.deliver_to_lost()
    set_back(rig.client, rig.stream, back)
    assert _looks(rig, times=MIN_LOOKS, every_s=LEASE_S / 2) == [NOBODY]


def test_after_the_clock_of_redis_went_back_entries_are_handled_within_a_lease(rig: Rig) -> None:
    rig.add(1)
    rig.deliver_to_lost()
    set_back(rig.client, rig.stream, TWO_HOURS)
    _looks(rig, times=MIN_LOOKS, every_s=LEASE_S / 2)
    rig.run()
    wait_until(rig.is_empty)
    assert [entry.deliveries for entry in rig.handled] == [2]


@pytest.mark.parametrize(
    ("times", "every_s"), [(MIN_LOOKS - 1, 2 * LEASE_S), (MIN_LOOKS, LEASE_S / 3)]
)
def test_an_entry_is_not_released_before_it_was_seen_for_a_lease(
    rig: Rig, times: int, every_s: float
) -> None:
    rig.add(1)
    rig.deliver_to_lost()
    set_back(rig.client, rig.stream, TWO_HOURS)
    assert _looks(rig, times=times, every_s=every_s) == [b"lost"]


@pytest.mark.parametrize("idle_s", [LEASE_S / 4, 0])
def test_an_entry_that_is_renewed_is_not_released(rig: Rig, idle_s: float) -> None:
    """A renewal moves the time of delivery."""
    (id,) = rig.add(1)
    rig.deliver_to_lost("at-work")
    clock = Clock()
    entries = _lost_entries(rig, clock)
    for seconds in (LEASE_S / 2, idle_s, LEASE_S / 2, idle_s):
        rig.client.xclaim(
            rig.stream, GROUP, "at-work", 0, [id], idle=int(seconds * 1000), justid=True
        )
        entries.release()
        clock.now += LEASE_S
    assert rig.holders() == [b"at-work"]


def test_an_entry_that_was_claimed_meanwhile_is_seen_anew(rig: Rig) -> None:
    (id,) = rig.add(1)
    rig.deliver_to_lost()
    clock = Clock()
    entries = _lost_entries(rig, clock)
    for name in ("lost", "lost", "another"):
        rig.client.xclaim(rig.stream, GROUP, name, 0, [id], idle=1000, justid=True)
        entries.release()
        clock.now += LEASE_S
    assert rig.holders() == [b"another"]


def test_after_an_outage_entries_are_seen_anew(rig: Rig) -> None:
    rig.add(1)
    rig.deliver_to_lost()
    set_back(rig.client, rig.stream, TWO_HOURS)
    clock = Clock()
    entries = _lost_entries(rig, clock)
    for _ in range(MIN_LOOKS):
        entries.release()
        entries.forget()
        clock.now += LEASE_S
    assert rig.holders() == [b"lost"]


def test_an_entry_delivered_while_its_consumer_is_removed_is_not_lost(rig: Rig) -> None:
    """A consumer that was frozen for long reads again just when another one removes it."""
    rig.client.xgroup_create(rig.stream, GROUP, id="0", mkstream=True)
    rig.client.xgroup_createconsumer(rig.stream, GROUP, "frozen")
    rig.add(1)
    _deliver(rig, "frozen")
    _lease(rig).remove_consumer("frozen")
    assert rig.holders() == [NOBODY]
    rig.run()
    wait_until(rig.is_empty)
    assert rig.numbers() == [1]


def _beat(rig: Rig, name: str, ahead: timedelta) -> None:
    """A heartbeat that is so far in the future, as after a step of the clock of Redis."""
    seconds, _ = rig.client.time()
    score = seconds + ahead.total_seconds()
    rig.client.zadd(f"{rig.stream}:workers", {name: score})


def test_a_consumer_with_a_heartbeat_in_the_future_is_not_alive(rig: Rig) -> None:
    _beat(rig, "past", -TWO_HOURS)
    _beat(rig, "now", timedelta(0))
    _beat(rig, "ahead", TWO_HOURS)
    assert worker_registry.live(rig.client, rig.stream) == {"now"}


def test_a_consumer_with_a_heartbeat_far_in_the_future_is_removed(rig: Rig) -> None:
    rig.client.xgroup_create(rig.stream, GROUP, id="0", mkstream=True)
    rig.client.xgroup_createconsumer(rig.stream, GROUP, "lost")
    _beat(rig, "lost", TWO_HOURS)
    rig.run()
    wait_until(
        lambda: b"lost" not in {c["name"] for c in rig.client.xinfo_consumers(rig.stream, GROUP)}
    )


def test_the_age_of_an_entry_is_never_negative(rig: Rig) -> None:
    seconds, _ = rig.client.time()
    rig.client.xadd(rig.stream, {"n": 1}, id=f"{(seconds + 7200) * 1000}-0")
    assert stage_status.stages(rig.client, rig.streams)[1].oldest_s == 0


def test_the_age_of_an_entry_is_measured_by_the_clock_of_redis(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, _ = rig.client.time()
    rig.client.xadd(rig.stream, {"n": 1}, id=f"{(seconds - 7200) * 1000}-0")
    monkeypatch.setattr("time.time", lambda: 0.0)
    oldest_s = stage_status.stages(rig.client, rig.streams)[1].oldest_s
    assert oldest_s == pytest.approx(7200, abs=600)


def test_a_missing_group_is_reported_as_missing(rig: Rig) -> None:
    rig.add(1)
    with pytest.raises(GroupMissing):
        _lost_entries(rig, Clock()).release()
