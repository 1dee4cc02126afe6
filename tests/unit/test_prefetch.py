"""Prefetching changes the time at which items are fetched, and nothing else."""

import threading
from collections.abc import Iterator

import pytest
import structlog

from services.extractor.prefetch import Prefetch
from tests.polling import wait_until

WITHIN_S = 60.0


def test_the_items_keep_their_order() -> None:
    assert list(Prefetch(range(100))) == list(range(100))


def test_no_items_give_no_items() -> None:
    assert list(Prefetch([])) == []


def test_the_next_item_is_fetched_while_one_is_used() -> None:
    fetched = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        fetched.set()
        yield 2

    reading = Prefetch(items())
    assert next(reading) == 1
    assert fetched.wait(WITHIN_S)


def test_at_most_two_items_are_fetched_ahead() -> None:
    requested = 0
    ahead: list[int] = []

    def items() -> Iterator[int]:
        for n in range(1, 20):
            ahead.append(n - requested)
            yield n

    reading = Prefetch(items())
    for requested in range(1, 16):
        assert next(reading) == requested
        # One item is in the queue; the thread holds another one until the queue is free.
        wait_until(lambda fetched=requested + 2: len(ahead) >= fetched)  # type: ignore[misc]
    assert max(ahead) == 2


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    reading = Prefetch(items())
    assert next(reading) == 1
    with pytest.raises(ValueError, match="no more"):
        next(reading)


def test_the_thread_ends_when_the_reader_stops_early() -> None:
    ended = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            ended.set()

    reading = Prefetch(items())
    next(reading)
    reading.close()
    assert ended.wait(WITHIN_S)


def test_the_log_context_is_kept() -> None:
    def items() -> Iterator[object]:
        yield structlog.contextvars.get_contextvars().get("job")

    with structlog.contextvars.bound_contextvars(job=7):
        assert list(Prefetch(items())) == [7]
