"""An entry of many slices that fails is divided until the slice that fails has its own entry."""

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from shared.domain.batch_header import VERSION, Fields
from shared.domain.batches import RawBatch
from shared.errors import InvalidInput
from shared.settings import RedisSettings
from shared.streams.entries import Entry, Output
from tests.integration.streaming import GROUP, LEASE_S, Rig
from tests.polling import WITHIN_S, wait_until
from tests.unit.batches import joined, minutes, raw_batch, slice_of

ASSETS = ("T01", "T02", "T03", "T04", "T05", "T06", "T07")
BAD = "T03"
Handle = Callable[[Sequence[Entry]], Sequence[Output]]

# A consumer whose process ends at once when it meets the bad slice.
KILLED_BY_ONE_SLICE = """
import os, sys, threading
from shared.domain.batches import RawBatch
from shared.settings import RedisSettings
from shared.streams.consumer import Consumer
from shared.streams.consumer_role import ConsumerRole
from shared.settings import RedisSettings
from shared.streams.entries import StreamNames

def handle(entries):
    assets = [s.asset for entry in entries for s in RawBatch.decode(entry.fields).slices]
    if sys.argv[5] in assets:
        os._exit(9)
    client.rpush(sys.argv[3], *assets)
    return []

settings = RedisSettings(redis_url=sys.argv[1], stream_prefix=sys.argv[2], read_block_s=0.1,
                         lease_s=float(sys.argv[4]), max_deliveries=3)
role = ConsumerRole(stage="test", stream=StreamNames(sys.argv[2]).raw, group="workers",
                    halves=RawBatch.halves)
consumer = Consumer(role, handle, settings, threading.Event())
client = consumer._redis
consumer.run()
"""


def bundle(*assets: str) -> RawBatch:
    """A slice of each of these assets. The number of its samples is that of the asset."""
    counts = [int(asset[1:]) for asset in assets]
    slices = [
        raw_batch(replace(slice_of(), asset=asset), minutes(n), [float(n)] * n)
        for asset, n in zip(assets, counts, strict=True)
    ]
    return replace(joined(*slices), extract_ms=70.0, aggregate_ms=7.0)


def add(rig: Rig, *assets: str) -> str:
    id: bytes = rig.client.xadd(rig.stream, bundle(*assets).encode())
    return id.decode()


def assets_of(fields: Fields) -> list[str]:
    return [slice_.asset for slice_ in RawBatch.decode(fields).slices]


def handled(rig: Rig) -> list[str]:
    """The assets of all slices that were handled, in order."""
    return [asset for entry in rig.handled for asset in assets_of(dict(entry.fields))]


def dead(rig: Rig) -> list[tuple[bytes, list[str]]]:
    """The reason and the assets of each dead letter."""
    names = RawBatch.field_names
    return [
        (letter[b"dead_reason"], assets_of({k: v for k, v in letter.items() if k in names}))
        for letter in rig.dead()
    ]


def refusing(rig: Rig, *bad: str, reason: str = "contract") -> Handle:
    """A handler that refuses entries with these assets."""

    def handle(entries: Sequence[Entry]) -> Sequence[Output]:
        for entry in entries:
            if wrong := set(bad) & set(assets_of(dict(entry.fields))):
                raise InvalidInput(reason, f"{min(wrong)} is bad")
        return rig.remember(entries)

    return handle


@pytest.mark.parametrize("reason", ["contract", "data"])
@pytest.mark.parametrize("bad", ASSETS)
def test_only_the_bad_slice_becomes_a_dead_letter(rig: Rig, bad: str, reason: str) -> None:
    add(rig, *ASSETS)
    rig.run(refusing(rig, bad, reason=reason), halves=RawBatch.halves)
    wait_until(rig.is_empty)
    assert dead(rig) == [(reason.encode(), [bad])]
    assert sorted(handled(rig)) == [asset for asset in ASSETS if asset != bad]
    assert {entry.deliveries for entry in rig.handled} == {1}


def test_each_of_several_bad_slices_has_its_own_dead_letter(rig: Rig) -> None:
    add(rig, *ASSETS)
    rig.run(refusing(rig, "T01", "T04", "T05"), halves=RawBatch.halves)
    wait_until(rig.is_empty)
    assert sorted(assets for _, assets in dead(rig)) == [["T01"], ["T04"], ["T05"]]
    assert sorted(handled(rig)) == ["T02", "T03", "T06", "T07"]


def test_other_entries_that_were_read_with_it_are_not_divided(rig: Rig) -> None:
    whole = [add(rig, "T01", "T02"), add(rig, BAD, "T04"), add(rig, "T05", "T06")]
    rig.client.xgroup_create(rig.stream, GROUP, id="0")
    rig.run(refusing(rig, BAD), halves=RawBatch.halves, batch_size=10)
    wait_until(rig.is_empty)
    assert [entry.id for entry in rig.handled][:2] == [whole[0], whole[2]]
    assert (sorted(handled(rig)), dead(rig)) == (
        ["T01", "T02", "T04", "T05", "T06"], [(b"contract", [BAD])],
    )  # fmt: skip


def test_the_parts_have_their_own_rows_and_their_share_of_the_time(rig: Rig) -> None:
    add(rig, *ASSETS)
    rig.run(refusing(rig, BAD), halves=RawBatch.halves)
    wait_until(rig.is_empty)
    parts = [RawBatch.decode(entry.fields) for entry in rig.handled]
    for part in parts:
        assert part.table == bundle(*(s.asset for s in part.slices)).table
    # A seventh of the time is that of the bad slice.
    assert sum(part.extract_ms for part in parts) == pytest.approx(60.0, abs=0.01)
    assert sum(part.aggregate_ms for part in parts) == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize("reason", ["unknown_job", "checksum", "schema", "arrow", "too_large"])
def test_a_reason_of_the_whole_entry_does_not_divide_it(rig: Rig, reason: str) -> None:
    add(rig, *ASSETS)
    rig.run(refusing(rig, BAD, reason=reason), halves=RawBatch.halves)
    wait_until(rig.is_empty)
    assert (dead(rig), rig.handled) == ([(reason.encode(), list(ASSETS))], [])


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("payload", b"torn", b"checksum"), ("v", b"99", b"version"), ("v", VERSION, b"checksum")],
)
def test_an_entry_that_cannot_be_decoded_is_one_dead_letter(
    rig: Rig, field: str, value: bytes, reason: bytes
) -> None:
    fields = {**bundle(*ASSETS).encode(), "checksum": b"00000000", field: value}
    rig.client.xadd(rig.stream, fields)
    rig.run(refusing(rig), halves=RawBatch.halves)
    wait_until(rig.is_empty)
    [letter] = rig.dead()
    assert (letter[b"dead_reason"], letter[field.encode()]) == (reason, value)


def test_a_slice_with_which_the_handler_crashes_is_dead_lettered_alone(rig: Rig) -> None:
    def handle(entries: Sequence[Entry]) -> Sequence[Output]:
        if BAD in assets_of(dict(entries[0].fields)):
            raise ZeroDivisionError
        return rig.remember(entries)

    add(rig, *ASSETS)
    rig.run(handle, halves=RawBatch.halves)
    wait_until(rig.is_empty)
    assert dead(rig) == [(b"crash", [BAD])]
    assert sorted(handled(rig)) == [asset for asset in ASSETS if asset != BAD]


def test_an_entry_of_a_lost_consumer_is_divided_before_it_is_handled(rig: Rig) -> None:
    add(rig, "T01", "T02", "T03", "T04")
    rig.deliver_to_lost()
    rig.run_out()
    rig.run(halves=RawBatch.halves)
    wait_until(rig.is_empty)
    assert [assets_of(dict(e.fields)) for e in rig.handled] == [["T01", "T02"], ["T03", "T04"]]
    assert {entry.deliveries for entry in rig.handled} == {1}


def test_an_entry_that_was_released_is_not_divided(rig: Rig) -> None:
    id = add(rig, *ASSETS)
    consumer, _ = rig.consumer()
    rig.deliver_to_lost(consumer.name)
    consumer.release()
    rig.run(halves=RawBatch.halves)
    wait_until(rig.is_empty)
    assert [(entry.id, entry.deliveries) for entry in rig.handled] == [(id, 1)]


def test_an_entry_delivered_over_a_broken_connection_is_not_divided(rig: Rig) -> None:
    id = add(rig, *ASSETS)
    consumer, stop = rig.consumer(halves=RawBatch.halves)
    rig.deliver_to_lost(consumer.name)
    thread = threading.Thread(target=consumer.run)
    thread.start()
    wait_until(rig.is_empty)
    stop.set()
    thread.join(WITHIN_S)
    assert [(entry.id, entry.deliveries) for entry in rig.handled] == [(id, 1)]


@pytest.fixture
def one_rig(redis_settings: RedisSettings) -> Rig:
    """A stream of one server, for a test that is slow because it starts processes."""
    bounds = {"max_deliveries": 3, "lease_s": LEASE_S}
    return Rig(redis_settings.model_copy(update=bounds))


def test_only_the_slice_that_kills_its_process_is_dead_lettered(one_rig: Rig) -> None:
    rig = one_rig
    add(rig, *ASSETS)
    done = f"{rig.settings.stream_prefix}done"
    arguments = [
        sys.executable, "-c", KILLED_BY_ONE_SLICE, rig.settings.redis_url.get_secret_value(),
        rig.settings.stream_prefix, done, str(LEASE_S), BAD,
    ]  # fmt: skip
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    kills = 0
    try:

        def one_is_dead() -> bool:
            nonlocal process, kills
            if process.poll() is not None:
                assert process.returncode == 9
                kills += 1
                rig.run_out()
                process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
            return bool(rig.dead()) and rig.is_empty()

        wait_until(one_is_dead, within_s=240)
    finally:
        process.kill()
        process.wait()
    assert dead(rig) == [(b"deliveries", [BAD])]
    assert sorted(rig.client.lrange(done, 0, -1)) == [a.encode() for a in ASSETS if a != BAD]
    # Seven slices, then three, then one or two, then one alone until its last delivery.
    assert 5 <= kills <= 6


def test_an_entry_is_divided_when_a_full_redis_has_room_again(rig: Rig) -> None:
    def handle(entries: Sequence[Entry]) -> Sequence[Output]:
        if not refused:
            rig.client.config_set("maxmemory", "1")
        refused.append(entries[0].id)
        return refusing(rig, BAD)(entries)

    refused: list[str] = []
    id = add(rig, *ASSETS)
    try:
        rig.run(handle, halves=RawBatch.halves)
        wait_until(lambda: len(refused) > 1)  # it was released, and is tried again
        assert (set(refused), rig.client.xlen(rig.stream), rig.dead()) == ({id}, 1, [])
    finally:
        rig.client.config_set("maxmemory", "0")
    wait_until(rig.is_empty)
    assert dead(rig) == [(b"contract", [BAD])]
    assert sorted(handled(rig)) == [asset for asset in ASSETS if asset != BAD]
