"""Poll until a condition in another process or thread is true."""

import time
from collections.abc import Callable
from typing import TypeVar

WITHIN_S = 120.0
"""A generous limit: only a failing test waits so long, and a busy machine may stall."""
POLL_MIN_S, POLL_MAX_S = 0.005, 0.3
"""The pause grows because a check may cost a request or a query."""

T = TypeVar("T")


def wait_until(check: Callable[[], T | None], *, within_s: float = WITHIN_S, what: str = "it") -> T:
    """Call `check` until it returns a true value; return that value."""
    deadline, pause_s = time.monotonic() + within_s, POLL_MIN_S
    while not (result := check()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within_s:g} s"
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, POLL_MAX_S)
    return result
