"""Child processes: started in a group of their own, logged to a file, never left behind."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from shared.errors import MinuanoError

LOG_TAIL_LINES = 2
_PR_SET_PDEATHSIG = 1
# Loaded before any fork.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """How long a process that has ended stays down: from `min_s` to `max_s`, twice as long each
    time, and again `min_s` if it had run for more than `steady_s`.
    """

    min_s: float = 0.5
    max_s: float = 10.0
    steady_s: float = 30.0


USUAL_RESTARTS = Restarts()


class Child:
    """One process and its log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        options: Mapping[str, Any] | None = None,
        restarts: Restarts = USUAL_RESTARTS,
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
        """Start the process; its output is added to the log."""
        self.restart_at = None
        self._started_at = time.monotonic()
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches us alone; we end them in order
                preexec_fn=partial(_hear_and_die_with_parent, self._stop_signal),
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
            raise MinuanoError(f"{self.name} ended with {self._ended()}; {self.log_tail()}")

    def log_tail(self) -> str:
        """The last lines that the process wrote into its log, and where that is."""
        written = self.log.read_bytes()[self._log_start :].decode(errors="replace")
        lines = written.strip().splitlines()[-LOG_TAIL_LINES:] or ["(empty)"]
        return f"see {self.log}: " + " | ".join(lines)

    def restart_if_dead(self) -> str | None:
        """Start the process again if it has ended, later each time; return what to tell of it."""
        now = time.monotonic()
        if self.running:
            return None
        if self.restart_at is None:
            self._end_group()
            if now - self._started_at > self._restarts.steady_s:
                self._backoff_s = self._restarts.min_s
            self.restart_at = now + self._backoff_s
            told = f"ended with {self._ended()}; starts again in {self._backoff_s:g} s ({self.log})"
            self._backoff_s = min(self._backoff_s * 2, self._restarts.max_s)
            return told
        if now < self.restart_at:
            return None
        self.start()
        return f"started again (pid {self.pid})"

    def ask_to_stop(self) -> None:
        """Send the signal that ends this process in good order."""
        if self.running and self.process:
            self.process.send_signal(self._stop_signal)

    def wait(self, until: float) -> None:
        """Wait for the end, until `until` (monotonic); what is left of the group is killed."""
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
        """Kill what is left of the process and of those that it started."""
        if self.process:
            # macOS answers EPERM where only the dead are left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _ended(self) -> str:
        code = self.process.returncode if self.process else None
        if code is not None and code < 0:
            return signal.Signals(-code).name
        return f"exit code {code}"


def stop_all(children: Sequence[Child], *, within_s: float) -> None:
    """Ask all of them to stop, then wait; none is left when this returns."""
    until = time.monotonic() + within_s
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.wait(until)


@contextlib.contextmanager
def ended_on_error(child: Child, *, within_s: float) -> Iterator[None]:
    """End a child that was started, if what has to follow its start fails or is interrupted."""
    try:
        yield
    except BaseException:
        stop_all([child], within_s=within_s)
        raise


def _hear_and_die_with_parent(number: signal.Signals) -> None:
    """For the child: it hears the signal even if we ignore it, as what a shell starts in the
    background ignores SIGINT; on Linux the kernel sends it when we die, however we die.
    """
    signal.signal(number, signal.SIG_DFL)
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
