"""Child processes: each in a new process group, with a log file, and ended with this process."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from shared.errors import MinuanoError

LOG_TAIL_LINES = 2
MAX_LOG_BYTES = 16 * 2**20
CHECK_EVERY_S = 0.05
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
_PR_SET_PDEATHSIG = 1
# Loaded at import, because a forked child must not load a library.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """The pause before a process that has ended is restarted: from `min_s` to `max_s`, doubled
    each time, and `min_s` again if the process ran for more than `steady_s`.
    """

    min_s: float = 0.5
    max_s: float = 10.0
    steady_s: float = 30.0


DEFAULT_RESTARTS = Restarts()


class Child:
    """One process and its log file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        options: Mapping[str, Any] | None = None,
        restarts: Restarts = DEFAULT_RESTARTS,
    ) -> None:
        self.name, self.log = name, log
        self._command = [str(word) for word in command]
        self._env, self._options = env, dict(options or {})
        self._stop_signal = stop_signal
        self._restarts, self._backoff_s = restarts, restarts.min_s
        self.process: subprocess.Popen[bytes] | None = None
        self.restart_at: float | None = None
        self._log_start = 0

    def start(self) -> None:
        """Start the process; its output is appended to the log."""
        self.restart_at = None
        self._started_at = time.monotonic()
        # If a signal interrupted Popen, the process would run but `self.process` would not have it.
        with self.log.open("ab") as log, _interrupts_wait():
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only the parent
                preexec_fn=partial(_accept_signal_and_end_with_parent, self._stop_signal),
                **self._options,
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def require_running(self) -> None:
        """Raise with the end of the log if the process has ended."""
        if not self.running:
            raise MinuanoError(f"{self.name} ended with {self._exit()}; {self.log_tail()}")

    def wait_until_ready(self, is_ready: Callable[[], bool], *, within_s: float) -> None:
        """Return when `is_ready` returns True; raise with the end of the log if the process ends
        or is not ready in time.
        """
        until = time.monotonic() + within_s
        while not is_ready():
            self.require_running()
            if time.monotonic() > until:
                raise MinuanoError(f"{self.name} is not ready in time; {self.log_tail()}")
            time.sleep(CHECK_EVERY_S)
        # Another process may have answered, if it took the port first.
        self.require_running()

    def log_tail(self) -> str:
        """The path of the log, and the last lines that this process wrote into it."""
        output = self.log.read_bytes()[self._log_start :].decode(errors="replace")
        lines = output.strip().splitlines()[-LOG_TAIL_LINES:] or ["(empty)"]
        return f"see {self.log}: " + " | ".join(lines)

    def bound_log(self) -> None:
        """Move the content of a log of more than `MAX_LOG_BYTES` to NAME.old.log. As with
        `copytruncate` of logrotate, a line that is written at that moment can be lost.
        """
        if self.log.stat().st_size > MAX_LOG_BYTES:
            with contextlib.suppress(OSError):  # on a full disk the old lines are lost
                shutil.copyfile(self.log, self.log.with_suffix(f".old{self.log.suffix}"))
            os.truncate(self.log, 0)
            self._log_start = 0

    def restart_if_dead(self) -> str | None:
        """Restart the process if it has ended, after a pause; return what happened, for a person
        to read.
        """
        now = time.monotonic()
        if self.running:
            return None
        if self.restart_at is None:
            self._end_group()
            if now - self._started_at > self._restarts.steady_s:
                self._backoff_s = self._restarts.min_s
            self.restart_at = now + self._backoff_s
            event = f"ended with {self._exit()}; restarts in {self._backoff_s:g} s ({self.log})"
            self._backoff_s = min(self._backoff_s * 2, self._restarts.max_s)
            return event
        if now < self.restart_at:
            return None
        self.start()
        return f"restarted (pid {self.pid})"

    def request_stop(self) -> None:
        """Send the signal that makes this process shut down cleanly."""
        if self.running and self.process:
            self.process.send_signal(self._stop_signal)

    def wait(self, until: float) -> None:
        """Wait for the end until `until` (monotonic), then kill the rest of the process group."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._end_group()
            self.process.wait()
        else:
            self._end_group()

    def _end_group(self) -> None:
        """Kill what is left of the process and of the processes that it started."""
        if self.process:
            # macOS answers EPERM if only dead processes are left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _exit(self) -> str:
        code = self.process.returncode if self.process else None
        if code is not None and code < 0:
            return signal.Signals(-code).name
        return f"exit code {code}"


def stop_all(children: Sequence[Child], *, within_s: float) -> None:
    """Request all of them to stop, then wait; no process is left when this returns."""
    until = time.monotonic() + within_s
    for child in children:
        child.request_stop()
    for child in children:
        child.wait(until)


@contextlib.contextmanager
def stop_on_error(child: Child, *, within_s: float) -> Iterator[None]:
    """Stop a started child if the block fails or is interrupted."""
    try:
        yield
    except BaseException:
        stop_all([child], within_s=within_s)
        raise


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Signals whose handlers may raise an exception are handled after the block."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs the handlers of signals in the main thread only
        return
    received: set[int] = set()
    usual = {number: signal.getsignal(number) for number in INTERRUPTS}
    ours = [number for number, handler in usual.items() if callable(handler)]
    try:
        for number in ours:
            signal.signal(number, lambda arrived, _: received.add(arrived))
        yield
    finally:
        for number in ours:
            signal.signal(number, usual[number])
    for again in received:
        signal.raise_signal(again)


def _accept_signal_and_end_with_parent(number: signal.Signals) -> None:
    """Runs in the child. The child accepts the signal even if the parent ignores it, as a process
    that a shell starts in the background ignores SIGINT. On Linux the kernel sends the signal to
    the child when the parent ends, for whatever reason.
    """
    signal.signal(number, signal.SIG_DFL)
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
