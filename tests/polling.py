"""Waiting for what other processes and threads do: the one way in which tests wait."""

import time
from collections.abc import Callable
from typing import TypeVar

WITHIN_S = 120.0
"""Generous: it only bounds how long a test that fails takes, and a machine may stall."""
POLL_S = 0.01

T = TypeVar("T")


def wait_until(check: Callable[[], T | None], *, within_s: float = WITHIN_S, what: str = "it") -> T:
    """Call `check` until it returns something true, and return that."""
    deadline = time.monotonic() + within_s
    while not (result := check()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within_s:g} s"
        time.sleep(POLL_S)
    return result
