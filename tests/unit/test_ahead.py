"""Reading ahead changes when items are fetched, and nothing else."""

import threading
from collections.abc import Iterator

import pytest
import structlog

from services.extractor.ahead import ahead

WITHIN_S = 10.0


def test_the_items_come_in_their_order() -> None:
    assert list(ahead(range(100))) == list(range(100))


def test_nothing_gives_nothing() -> None:
    assert list(ahead([])) == []


def test_the_next_item_is_fetched_while_one_is_used() -> None:
    fetched = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        fetched.set()
        yield 2

    reading = ahead(items())
    assert next(reading) == 1
    assert fetched.wait(WITHIN_S)


def test_no_more_than_two_items_are_fetched_before_they_are_wanted() -> None:
    begun: list[int] = []
    third = threading.Event()

    def items() -> Iterator[int]:
        for n in range(1, 10):
            begun.append(n)
            if n == 3:
                third.set()
            yield n

    reading = ahead(items())
    assert next(reading) == 1
    assert third.wait(WITHIN_S)  # 2 waits, 3 is held by the thread until its place is free
    assert not threading.Event().wait(0.5)
    assert begun == [1, 2, 3]


def test_an_error_comes_in_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    reading = ahead(items())
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

    reading = ahead(items())
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert ended.wait(WITHIN_S)


def test_the_log_keeps_its_ids() -> None:
    def items() -> Iterator[object]:
        yield structlog.contextvars.get_contextvars().get("job")

    with structlog.contextvars.bound_contextvars(job=7):
        assert list(ahead(items())) == [7]
