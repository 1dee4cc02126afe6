"""The `minuano` command as a person uses it: in a folder, in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from cli.embedded import server_binaries
from tests.polling import wait_until

MINUANO = (sys.executable, "-m", "cli")
QUICK = {
    "MINUANO_READ_BLOCK_S": "0.2",
    "MINUANO_SWEEP_INTERVAL_S": "0.5",
    "MINUANO_STALLED_AFTER_S": "2",
}
FIRST_KEY = "first-key"
KEYS = {"MINUANO_API_KEY": f"{FIRST_KEY},second-key"}
START_WITHIN_S = 240.0
STOP_WITHIN_S = 40.0
ANSWER_S = 60.0
"""For an answer on a machine that is busy."""

Ended = subprocess.CompletedProcess[str]


def environment(settings: Mapping[str, str] | None = None, *, columns: int = 120) -> dict[str, str]:
    """This process's environment with these settings of Minuano and no others."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MINUANO_")}
    return {**kept, "COLUMNS": str(columns), **(settings or {})}


def redis_cli(url: str, *words: str | bytes, last: bytes | None = None) -> str:
    """Type a command into the real redis-cli; `last` is an argument that it reads from a pipe."""
    program = shutil.which("redis-cli") or server_binaries.redis().sibling("redis-cli")
    assert program, "no redis-cli here"
    server, piped = urlsplit(url), ["-x"] if last is not None else []
    done = subprocess.run(
        [program, "-h", str(server.hostname), "-p", str(server.port), *piped, *words],
        env={**environment(), "REDISCLI_AUTH": server.password or ""},
        input=last, capture_output=True, timeout=ANSWER_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip().strip('"')


def minuano(
    *words: str,
    cwd: Path,
    settings: Mapping[str, str] | None = None,
    columns: int = 120,
    answer: str = "",
    prefix: tuple[str, ...] = (),
) -> Ended:
    """Run a command to its end; `answer` is what the person types."""
    return subprocess.run(
        [*prefix, *MINUANO, *words],
        cwd=cwd, env=environment(settings, columns=columns), input=answer,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip


class Up:
    """A `minuano up` that runs in the foreground of somebody's terminal."""

    def __init__(self, folder: Path, *words: str, settings: Mapping[str, str]) -> None:
        self.folder, self._screen = folder, folder / "screen"
        with self._screen.open("wb") as screen:
            self.process = subprocess.Popen(
                [*MINUANO, "up", *words], cwd=folder, env=environment({**QUICK, **settings}),
                stdout=screen, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def screen(self) -> str:
        return self._screen.read_text()

    @property
    def stack(self) -> dict[str, Any]:
        """What other commands read of it."""
        told: dict[str, Any] = json.loads((self.folder / ".minuano/stack.json").read_text())
        return told

    def ready(self) -> None:
        """Return when it says that it is."""

        def check() -> bool:
            assert self.process.poll() is None, self.screen
            return "Ctrl-C ends" in self.screen

        wait_until(check, within_s=START_WITHIN_S, what="the stack's start")

    def states(self) -> list[str]:
        """The state of each job, the newest first."""
        headers = {"Authorization": f"Bearer {FIRST_KEY}"}
        answer = httpx.get(f"{self.stack['extractor_url']}/jobs", headers=headers, timeout=ANSWER_S)
        return [job["state"] for job in answer.json()["jobs"]]

    def children(self) -> dict[int, str]:
        """The processes it started: their command lines by pid."""
        pid = self.process.pid
        pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child): _command_line(int(child)) for child in pids}

    def child(self, name: str) -> int:
        """One of those whose command line has `name` in it."""
        return min(pid for pid, line in self.children().items() if name in line)

    def ask_to_end(self, number: signal.Signals) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_WITHIN_S)


@contextmanager
def up(folder: Path, *words: str, settings: Mapping[str, str] | None = None) -> Iterator[Up]:
    """A stack that is ready; ended with the block if it has not by itself."""
    running = Up(folder, *words, settings=settings or {})
    try:
        running.ready()
        yield running
    finally:
        running.process.terminate()
        try:
            running.process.wait(2 * STOP_WITHIN_S)
        finally:
            running.process.kill()  # its children end with it


def alive(pids: Mapping[int, str]) -> dict[int, str]:
    """Those of the processes that still run the same."""
    return {pid: line for pid, line in pids.items() if line and _command_line(pid) == line}


def _command_line(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        return words.decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):  # it ended before, or while being read
        return ""
