"""Send signals to processes and wait for their exit."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from cli.embedded.child_process import Child

EXIT_TIMEOUT_S = 60.0


def send(child: Child, number: signal.Signals) -> None:
    """Send a signal to a running process."""
    assert child.pid is not None
    os.kill(child.pid, number)


def signal_and_wait(child: Child, number: signal.Signals) -> int:
    """Stop a process with a signal, if it still runs; return its exit code."""
    return signal_and_wait_all([child], number)[child.name]


def signal_and_wait_all(children: Sequence[Child], number: signal.Signals) -> dict[str, int]:
    """Stop these processes at the same time, as far as they still run; return their exit codes.
    Continue frozen processes, because they do not handle signals.
    """
    for child in children:
        if child.running:
            send(child, number)
            send(child, signal.SIGCONT)
    return {child.name: _wait(child) for child in children}


def _wait(child: Child) -> int:
    assert child.process
    return child.process.wait(EXIT_TIMEOUT_S)


def catches_sigterm(child: Child) -> bool:
    """Whether the process has installed its handler for SIGTERM."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
