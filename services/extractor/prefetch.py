"""Prefetching: a thread fetches the next item while the caller uses the current one."""

import contextvars
import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

POLL_S = 0.2


class _End(Exception):
    """There are no more items."""


def prefetch(items: Iterable[T]) -> Iterator[T]:
    """The same items, fetched by another thread: one item waits while the next one is fetched. An
    error that `items` raises is raised after the items before it. If the caller stops early, the
    thread ends after the item that it is fetching.
    """
    outcomes: queue.Queue[Future[T]] = queue.Queue(maxsize=1)
    closed = threading.Event()
    context = contextvars.copy_context()
    work = (_fetch, items, outcomes, closed)
    threading.Thread(target=context.run, args=work, daemon=True, name="prefetch").start()
    try:
        while True:
            yield outcomes.get().result()
    except _End:
        return
    finally:
        closed.set()


def _fetch(items: Iterable[T], outcomes: queue.Queue[Future[T]], closed: threading.Event) -> None:
    try:
        for item in items:
            outcome: Future[T] = Future()
            outcome.set_result(item)
            _put(outcome, outcomes, closed)
            if closed.is_set():
                return
    except BaseException as error:  # noqa: BLE001 - the caller of `prefetch` gets it
        _put(_failure(error), outcomes, closed)
    else:
        _put(_failure(_End()), outcomes, closed)


def _failure(error: BaseException) -> Future[Any]:
    outcome: Future[Any] = Future()
    outcome.set_exception(error)
    return outcome


def _put(outcome: Future[T], outcomes: queue.Queue[Future[T]], closed: threading.Event) -> None:
    """Wait for a free place; give up when the caller has stopped."""
    while not closed.is_set():
        try:
            outcomes.put(outcome, timeout=POLL_S)
        except queue.Full:
            continue
        return
