"""Waiting for a job, with an error as soon as it can no longer be done."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cli.embedded.child_process import Child
from shared.errors import MinuanoError

CHECK_EVERY_S = 0.5
STALLED_AFTER_S = 30.0
FAILED_STATES = ("failed", "cancelled")
_WARNING = re.compile(r'\[(warning|error|critical) *\]|"level": "(warning|error|critical)"')


def wait_for_job(
    job: int,
    is_done: Callable[[], bool],
    progress: Callable[[], tuple[Any, ...]],
    services: Sequence[Child],
    *,
    poll_s: float,
    check_every_s: float = CHECK_EVERY_S,
    stalled_after_s: float = STALLED_AFTER_S,
) -> None:
    """Return when the job is done. `progress` returns its state, its loaded slices and its error.

    Raises `MinuanoError` if the job failed or was cancelled, if a service ended, or if no slice was
    loaded for `stalled_after_s`. It names the logs of the services.
    """
    loaded, last_change = 0, time.monotonic()
    next_check = last_change + check_every_s
    while not is_done():
        if (now := time.monotonic()) >= next_check:
            next_check = now + check_every_s
            state, loaded_now, error = progress()
            if state in FAILED_STATES:
                raise _error(job, f"is {state} ({error})", services)
            for child in services:
                child.require_running()
            if loaded_now != loaded:
                loaded, last_change = loaded_now, now
            if now - last_change >= stalled_after_s:
                raise _error(job, f"has made no progress for {stalled_after_s:g} s", services)
        time.sleep(poll_s)


def _error(job: int, problem: str, services: Sequence[Child]) -> MinuanoError:
    folders = sorted({str(child.log.parent) for child in services})
    return MinuanoError(f"job {job} {problem}; see {' | '.join([*_warnings(services)] or folders)}")


def _warnings(services: Sequence[Child]) -> Iterator[str]:
    """The last warning or error of each service."""
    for child in services:
        lines = child.log.read_text(errors="replace").splitlines()
        if warnings := list(filter(_WARNING.search, lines)):
            yield f"{child.log}: {warnings[-1]}"
