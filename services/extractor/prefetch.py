"""Reading ahead: the next item is fetched while the one before is used."""

import contextvars
import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")

LOOK_EVERY_S = 0.2


class _End(Exception):
    """There are no more items."""


class _Handover(Generic[T]):
    """One place, from the thread that fetches to the one that uses."""

    def __init__(self) -> None:
        self._place: queue.Queue[Future[T]] = queue.Queue(maxsize=1)
        self.given_up = threading.Event()

    def put(self, item: T) -> None:
        """Hand an item over."""
        outcome: Future[T] = Future()
        outcome.set_result(item)
        self._wait_for_place(outcome)

    def fail(self, error: BaseException) -> None:
        """Hand over what is to be raised instead of an item."""
        outcome: Future[T] = Future()
        outcome.set_exception(error)
        self._wait_for_place(outcome)

    def take(self) -> T:
        """The next item; raises what came instead of it."""
        return self._place.get().result()

    def _wait_for_place(self, outcome: Future[T]) -> None:
        """If nobody takes anything any more, nothing is handed over."""
        while not self.given_up.is_set():
            try:
                self._place.put(outcome, timeout=LOOK_EVERY_S)
            except queue.Full:
                continue
            return


def prefetch(items: Iterable[T]) -> Iterator[T]:
    """The same items, fetched by a thread of their own: one waits while another is on its way. What
    `items` raises is raised when its turn comes. Whoever stops early leaves the thread to end with
    the item that it is fetching.
    """
    handover: _Handover[T] = _Handover()
    context = contextvars.copy_context()
    work = (_fetch, items, handover)
    threading.Thread(target=context.run, args=work, daemon=True, name="ahead").start()
    try:
        while True:
            yield handover.take()
    except _End:
        return
    finally:
        handover.given_up.set()


def _fetch(items: Iterable[T], handover: _Handover[T]) -> None:
    try:
        for item in items:
            handover.put(item)
            if handover.given_up.is_set():
                return
    except BaseException as error:  # noqa: BLE001 - it is raised where the items are used
        handover.fail(error)
    else:
        handover.fail(_End())
