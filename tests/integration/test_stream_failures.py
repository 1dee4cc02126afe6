"""Failing: what can never work dies at once, what can't work now is waited for."""

import itertools
from collections.abc import Sequence

from shared.errors import InvalidInput, TimedOut, Unavailable
from shared.streams.backoff import Heartbeat
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import Entry, Output
from shared.streams.failure_handler import MAX_ERROR_CHARS
from tests.integration.streaming import Clock, Rig
from tests.polling import wait_until


def _refuse_two(rig: Rig) -> object:
    def handle(entries: Sequence[Entry]) -> list[Output]:
        if any(entry.fields[b"n"] == b"2" for entry in entries):
            raise InvalidInput("schema", "two is not a number we like")
        return rig.remember(entries)

    return handle


def test_invalid_input_becomes_a_complete_dead_letter_at_once(rig: Rig) -> None:
    (id,) = rig.add(2, job=7, payload=b"\x00\xff")
    rig.run(_refuse_two(rig))  # type: ignore[arg-type]
    wait_until(rig.is_empty)
    (letter,) = DeadLetters(rig.client, rig.streams).newest(10)
    assert (letter.reason, letter.stage, letter.deliveries) == ("schema", "test", 1)
    assert (letter.entry_id, letter.stream, letter.job) == (id, rig.stream, 7)
    assert letter.error == "two is not a number we like"
    assert letter.fields == {b"n": b"2", b"job": b"7", b"payload": b"\x00\xff"}


def test_an_entry_cannot_set_its_own_dead_fields(rig: Rig) -> None:
    rig.add(2, dead_reason="none", dead_stream="elsewhere")
    rig.run(_refuse_two(rig))  # type: ignore[arg-type]
    wait_until(rig.is_empty)
    (letter,) = DeadLetters(rig.client, rig.streams).newest(10)
    assert (letter.reason, letter.stream) == ("schema", rig.stream)


def test_a_long_error_is_cut(rig: Rig) -> None:
    def handle(_: Sequence[Entry]) -> list[Output]:
        raise InvalidInput("schema", "no " * 100_000)

    rig.add(1)
    rig.run(handle)
    wait_until(rig.is_empty)
    (dead,) = rig.dead()
    assert dead[b"dead_error"].decode() == ("no " * 100_000)[:MAX_ERROR_CHARS]


def test_only_the_bad_entry_of_a_batch_is_dead_lettered(rig: Rig) -> None:
    rig.add(1, 2, 3, 4)
    rig.run(_refuse_two(rig), batch_size=10)  # type: ignore[arg-type]
    wait_until(rig.is_empty)
    assert rig.numbers() == [1, 3, 4]
    assert [fields[b"n"] for fields in rig.dead()] == [b"2"]


def test_an_entry_is_retried_after_a_crash(rig: Rig) -> None:
    crashes = iter([True, True, False])

    def handle(entries: Sequence[Entry]) -> list[Output]:
        if next(crashes):
            raise ZeroDivisionError
        return rig.remember(entries)

    rig.add(1)
    rig.run(handle)
    wait_until(rig.is_empty)
    assert [entry.deliveries for entry in rig.handled] == [3]
    assert rig.dead() == []


def test_an_entry_that_always_crashes_is_dead_lettered_after_the_last_delivery(rig: Rig) -> None:
    def handle(_: Sequence[Entry]) -> list[Output]:
        raise ZeroDivisionError("by nought")

    rig.add(1)
    rig.run(handle)
    wait_until(rig.is_empty)
    (dead,) = rig.dead()
    assert (dead[b"dead_reason"], dead[b"dead_deliveries"]) == (b"crash", b"3")
    assert b"ZeroDivisionError: by nought" in dead[b"dead_error"]


def test_an_entry_that_always_takes_too_long_says_so(rig: Rig) -> None:
    def handle(entries: Sequence[Entry]) -> list[Output]:
        raise TimedOut("the limit is MINUANO_LEASE_S")

    rig.add(1)
    rig.run(handle, settings=rig.settings.model_copy(update={"max_deliveries": 2}))
    wait_until(lambda: rig.dead() != [])
    [dead] = rig.dead()
    assert (dead[b"dead_reason"], dead[b"dead_deliveries"]) == (b"timeout", b"2")
    assert dead[b"dead_error"] == b"the limit is MINUANO_LEASE_S"


def test_an_outage_does_not_count_as_a_delivery(rig: Rig) -> None:
    attempts: list[int] = []

    def handle(entries: Sequence[Entry]) -> list[Output]:
        attempts.append(entries[0].deliveries)
        if len(attempts) <= rig.settings.max_deliveries + 1:
            raise Unavailable("the database is away")
        return rig.remember(entries)

    rig.add(1)
    rig.run(handle)
    wait_until(rig.is_empty)
    assert set(attempts) == {1}
    assert rig.dead() == []


def test_an_outage_longer_than_the_progress_timeout_keeps_the_lease(rig: Rig) -> None:
    clock, attempts = Clock(), itertools.count(1)

    def handle(entries: Sequence[Entry]) -> list[Output]:
        clock.now += rig.settings.progress_timeout_s / 2
        if next(attempts) <= 4:
            raise Unavailable("away")
        rig.run_out()
        wait_until(lambda: not rig.has_run_out())  # it is renewed
        return rig.remember(entries)

    rig.add(1)
    rig.run(handle, heartbeat=Heartbeat(clock))
    wait_until(rig.is_empty)
    assert rig.numbers() == [1]


def test_a_replayed_entry_is_unchanged(rig: Rig) -> None:
    rig.add(2)
    rig.run(_refuse_two(rig))  # type: ignore[arg-type]
    wait_until(lambda: rig.dead())
    rig.stop()
    letters = DeadLetters(rig.client, rig.streams)
    letters.replay(letters.newest(1)[0])
    assert [fields for _, fields in rig.client.xrange(rig.stream)] == [{b"n": b"2"}]
    assert letters.count() == 0
