"""Prefetching: a thread fetches the next item while the caller uses the current one."""

import contextvars
import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Self, TypeVar

T = TypeVar("T")

POLL_S = 0.2


class _End(Exception):
    """There are no more items."""


class Prefetch(Iterator[T]):
    """The same items, fetched by another thread, which begins at once: one item waits while the
    next one is fetched. An error that `items` raises is raised after the items before it. After
    `close` the thread ends with the item that it is fetching.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._outcomes: queue.Queue[Future[T]] = queue.Queue(maxsize=1)
        self._closed = threading.Event()
        context = contextvars.copy_context()
        work = (_fetch, items, self._outcomes, self._closed)
        threading.Thread(target=context.run, args=work, daemon=True, name="prefetch").start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._closed.is_set():
            raise StopIteration
        try:
            return self._outcomes.get().result()
        except BaseException as end:
            self.close()
            if isinstance(end, _End):
                raise StopIteration from None
            raise

    def close(self) -> None:
        """Stop: there are no more items."""
        self._closed.set()


def _fetch(items: Iterable[T], outcomes: queue.Queue[Future[T]], closed: threading.Event) -> None:
    try:
        for item in items:
            outcome: Future[T] = Future()
            outcome.set_result(item)
            _put(outcome, outcomes, closed)
            if closed.is_set():
                return
    except BaseException as error:  # noqa: BLE001 - the caller of `Prefetch` gets it
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
