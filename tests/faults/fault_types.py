"""A fault is a context manager: it starts with its block and is repaired when the block ends."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random

from tests.faults.fault_stack import FaultStack

Fault = Callable[[FaultStack, Random], AbstractContextManager[None]]

WORKERS = ("extractor", "aggregator", "loader")
SERVICES = ("connector", *WORKERS)


@contextmanager
def repeatedly(act: Callable[[], None], *, pause_s: Callable[[], float]) -> Iterator[None]:
    """Call `act` in another thread, with pauses, until the block ends."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(pause_s()):
            act()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
