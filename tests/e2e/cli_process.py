"""The `minuano` command in a folder and in a separate process."""

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
"""How long a response may take on a busy machine."""

Ended = subprocess.CompletedProcess[str]


def environment(settings: Mapping[str, str] | None = None, *, columns: int = 120) -> dict[str, str]:
    """The environment of this process with only these settings of Minuano."""
    others = {k: v for k, v in os.environ.items() if not k.startswith("MINUANO_")}
    return {**others, "COLUMNS": str(columns), **(settings or {})}


def redis_cli(url: str, *words: str | bytes, last: bytes | None = None) -> str:
    """Run a command in the real redis-cli; `last` is an argument that it reads from a pipe."""
    program = shutil.which("redis-cli") or server_binaries.redis().sibling("redis-cli")
    assert program, "no redis-cli here"
    server, options = urlsplit(url), ["-x"] if last is not None else []
    process = subprocess.run(
        [program, "-h", str(server.hostname), "-p", str(server.port), *options, *words],
        env={**environment(), "REDISCLI_AUTH": server.password or ""},
        input=last, capture_output=True, timeout=ANSWER_S,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    return process.stdout.decode().strip().strip('"')


def minuano(
    *words: str,
    cwd: Path,
    settings: Mapping[str, str] | None = None,
    columns: int = 120,
    answer: str = "",
    prefix: tuple[str, ...] = (),
) -> Ended:
    """Run a command to its end; `answer` is its standard input."""
    return subprocess.run(
        [*prefix, *MINUANO, *words],
        cwd=cwd, env=environment(settings, columns=columns), input=answer,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip


class Up:
    """A `minuano up` in the foreground of a terminal."""

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
        """The state that other commands read."""
        state: dict[str, Any] = json.loads((self.folder / ".minuano/stack.json").read_text())
        return state

    def ready(self) -> None:
        """Return when the screen says that the stack is ready."""

        def check() -> bool:
            assert self.process.poll() is None, self.screen
            return "Ctrl-C stops" in self.screen

        wait_until(check, within_s=START_WITHIN_S, what="the start of the stack")

    def states(self) -> list[str]:
        """The state of each job, the newest first."""
        headers = {"Authorization": f"Bearer {FIRST_KEY}"}
        answer = httpx.get(f"{self.stack['extractor_url']}/jobs", headers=headers, timeout=ANSWER_S)
        return [job["state"] for job in answer.json()["jobs"]]

    def children(self) -> dict[int, str]:
        """The command lines of its child processes by pid."""
        pid = self.process.pid
        pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(child): _command_line(int(child)) for child in pids}

    def child(self, name: str) -> int:
        """The pid of the first child whose command line contains `name`."""
        return min(pid for pid, line in self.children().items() if name in line)

    def stop(self, number: signal.Signals) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_WITHIN_S)


@contextmanager
def up(folder: Path, *words: str, settings: Mapping[str, str] | None = None) -> Iterator[Up]:
    """A stack that is ready; it is stopped after the block."""
    running = Up(folder, *words, settings=settings or {})
    try:
        running.ready()
        yield running
    finally:
        running.process.terminate()
        try:
            running.process.wait(2 * STOP_WITHIN_S)
        finally:
            running.process.kill()  # the kernel then ends its children


def alive(pids: Mapping[int, str]) -> dict[int, str]:
    """The processes that still run with the same command line."""
    return {pid: line for pid, line in pids.items() if line and _command_line(pid) == line}


def _command_line(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        return words.decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):  # the process has ended
        return ""
