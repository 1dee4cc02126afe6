"""Signals to processes, and their ends."""

import os
import signal
from pathlib import Path

from cli.embedded.child_process import Child

EXIT_TIMEOUT_S = 60.0


def send(child: Child, number: signal.Signals) -> None:
    """Send a signal to a process that was started."""
    assert child.pid is not None
    os.kill(child.pid, number)


def signal_and_wait(child: Child, number: signal.Signals) -> int:
    """End a process by a signal, if it has not ended before; return its exit code. One that was
    frozen goes on, for it would not hear.
    """
    if child.running:
        send(child, number)
        send(child, signal.SIGCONT)
    assert child.process
    return child.process.wait(EXIT_TIMEOUT_S)


def catches_sigterm(child: Child) -> bool:
    """Whether it has a handler of its own already."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
