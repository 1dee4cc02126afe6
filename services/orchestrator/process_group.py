"""A program and all that it starts, as one: Dagster's servers start processes of their own, which
would outlive them.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

_PR_SET_CHILD_SUBREAPER = 36


def run(
    command: Sequence[str], environment: Mapping[str, str], *, shutdown_timeout_s: float
) -> int:
    """Run a program to its end and return its exit code; then nothing that it started is left.

    SIGTERM and SIGINT reach all of them. What still runs `shutdown_timeout_s` later is killed, this
    process included, for all are in the process group of this process.
    """
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    _adopt_orphans()
    asked: list[int] = []

    def end_all(number: int, _: FrameType | None) -> None:
        if not asked:  # the signal to the group comes back to us
            asked.append(number)
            _end(shutdown_timeout_s)

    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_all)
    program = subprocess.Popen(command, env={**os.environ, **environment})
    code = program.wait()
    end_all(signal.SIGTERM, None)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    # Dagster takes a signal for the user's will and ends well; what knows nothing of it says -15.
    return 0 if code in (0, -signal.SIGTERM, -signal.SIGINT) else abs(code)


def _end(shutdown_timeout_s: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, shutdown_timeout_s)
    os.killpg(0, signal.SIGTERM)


def _adopt_orphans() -> None:
    """On Linux a process whose parent has ended becomes ours, so that we see its end too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
