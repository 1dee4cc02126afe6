"""A program and the processes that it started end together."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.polling import WITHIN_S, wait_until

RUN = (
    "import sys; from services.orchestrator.process_group import run\n"
    "sys.exit(run(['sh', '-c', sys.argv[1]], {}, shutdown_timeout_s=float(sys.argv[2])))"
)
IGNORE_TERM = "trap '' TERM; "


class Group(subprocess.Popen[str]):
    """A group that runs a shell script; `printed` is the number that the script printed."""

    def __init__(self, script: str, *, shutdown_timeout_s: float = 20) -> None:
        command = [sys.executable, "-c", RUN, script, str(shutdown_timeout_s)]
        super().__init__(command, stdout=subprocess.PIPE, text=True)
        assert self.stdout is not None
        self.printed = int(self.stdout.readline())


def is_gone(pid: int) -> bool:
    try:
        return ") Z" in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_processes_of_the_program(number: signal.Signals) -> None:
    with Group("sleep 60 & echo $!; wait") as group:
        group.send_signal(number)
        assert group.wait(WITHIN_S) == 0
    assert is_gone(group.printed)


def test_a_process_that_ignores_the_signal_is_killed_after_the_timeout() -> None:
    with Group(IGNORE_TERM + "sleep 60 & echo $!; wait; wait", shutdown_timeout_s=0.3) as group:
        group.terminate()
        assert group.wait(WITHIN_S) == -signal.SIGKILL
    wait_until(lambda: is_gone(group.printed))


def test_a_process_that_outlives_the_program_is_ended() -> None:
    with Group("sleep 60 & echo $!; exit 3") as group:
        assert group.wait(WITHIN_S) == 3
    assert is_gone(group.printed)


def test_the_process_that_starts_the_group_is_not_in_it() -> None:
    with Group("echo $$; sleep 60") as group:
        assert os.getpgid(group.printed) == group.pid != os.getpgrp()
        group.terminate()
        assert group.wait(WITHIN_S) == 0
