"""What a fault is: it strikes when its block begins, and heals when the block ends."""

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
    """Do it in another thread, with pauses, for as long as the block lasts."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(pause_s()):
            act()

    acting = threading.Thread(target=work, daemon=True)
    acting.start()
    try:
        yield
    finally:
        ended.set()
        acting.join()
