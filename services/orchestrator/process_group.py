"""Runs a program in a process group that ends as a whole: otherwise the processes that Dagster's
servers start would outlive them.
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
    """Run a program to its end and return its exit code; then no process that it started is left.

    SIGTERM and SIGINT are sent on to the whole group. If a process still runs `shutdown_timeout_s`
    later, the group is killed, and this process with it.
    """
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    _adopt_orphans()
    signals: list[int] = []

    def end_all(number: int, _: FrameType | None) -> None:
        if not signals:  # this process receives the signal to the group, too
            signals.append(number)
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
    # Dagster exits with 0 on a signal; a program without a handler is ended by it.
    return 0 if code in (0, -signal.SIGTERM, -signal.SIGINT) else abs(code)


def _end(shutdown_timeout_s: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, shutdown_timeout_s)
    os.killpg(0, signal.SIGTERM)


def _adopt_orphans() -> None:
    """On Linux: become the parent of processes whose parent has ended, to wait for their end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
