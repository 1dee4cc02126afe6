"""Reading ahead changes when items are fetched, and nothing else."""

import threading
from collections.abc import Iterator

import pytest
import structlog

from services.extractor.prefetch import prefetch
from tests.polling import wait_until

WITHIN_S = 60.0


def test_the_items_come_in_their_order() -> None:
    assert list(prefetch(range(100))) == list(range(100))


def test_nothing_gives_nothing() -> None:
    assert list(prefetch([])) == []


def test_the_next_item_is_fetched_while_one_is_used() -> None:
    fetched = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        fetched.set()
        yield 2

    reading = prefetch(items())
    assert next(reading) == 1
    assert fetched.wait(WITHIN_S)


def test_no_more_than_two_items_are_fetched_before_they_are_wanted() -> None:
    wanted = 0
    early: list[int] = []

    def items() -> Iterator[int]:
        for n in range(1, 20):
            early.append(n - wanted)
            yield n

    reading = prefetch(items())
    for wanted in range(1, 16):
        assert next(reading) == wanted
        # One waits, another is held by the thread until its place is free.
        wait_until(lambda fetched=wanted + 2: len(early) >= fetched)  # type: ignore[misc]
    assert max(early) == 2


def test_an_error_comes_in_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    reading = prefetch(items())
    assert next(reading) == 1
    with pytest.raises(ValueError, match="no more"):
        next(reading)


def test_the_thread_ends_when_nobody_reads_on() -> None:
    ended = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            ended.set()

    reading = prefetch(items())
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert ended.wait(WITHIN_S)


def test_the_log_keeps_its_ids() -> None:
    def items() -> Iterator[object]:
        yield structlog.contextvars.get_contextvars().get("job")

    with structlog.contextvars.bound_contextvars(job=7):
        assert list(prefetch(items())) == [7]
