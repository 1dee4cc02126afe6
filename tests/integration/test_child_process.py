"""Child processes: told of, started again, and never left behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.embedded.child_process import Child, Restarts, ended_on_error, stop_all
from shared.errors import MinuanoError
from tests.polling import wait_until

WITHIN_S = 60.0
STUBBORN = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"


def shell(script: str, folder: Path, **options: Any) -> Child:
    """A child that runs a line of shell."""
    return Child("shell", ["sh", "-c", script], folder / "log", **options)


def pauses(child: Child, count: int) -> list[str]:
    """Revive the child so often, and return how long each time it was to wait."""
    found: list[str] = []

    def look() -> bool:
        if told := re.search(r"starts again in ([\d.]+ s)", child.restart_if_dead() or ""):
            found.append(told[1])
        return len(found) == count

    wait_until(look)
    return found


def ended(child: Child) -> bool:
    return not child.running


def test_a_child_that_ended_complains_with_its_last_words_and_names_its_log(tmp_path: Path) -> None:
    child = shell("echo first; echo second; echo third; exit 3", tmp_path)
    child.start()
    wait_until(lambda: ended(child))
    with pytest.raises(MinuanoError) as failure:
        child.require_running()
    assert str(failure.value) == (
        f"shell ended with exit code 3; see {tmp_path / 'log'}: second | third"
    )


def test_what_an_earlier_run_wrote_is_not_told_again(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("an old complaint\n")
    child = shell("exit 1", tmp_path)
    child.start()
    wait_until(lambda: ended(child))
    assert child.log_tail().endswith(": (empty)")


def test_a_child_that_runs_is_left_alone(tmp_path: Path) -> None:
    child = shell("sleep 60", tmp_path)
    child.start()
    try:
        assert child.restart_if_dead() is None
    finally:
        stop_all([child], within_s=WITHIN_S)


def test_the_pause_before_a_restart_doubles_to_a_limit(tmp_path: Path) -> None:
    child = shell("exit 1", tmp_path, restarts=Restarts(min_s=0.01, max_s=0.04))
    child.start()
    assert pauses(child, 4) == ["0.01 s", "0.02 s", "0.04 s", "0.04 s"]


def test_a_child_that_ran_steadily_starts_again_soon(tmp_path: Path) -> None:
    child = shell("exit 1", tmp_path, restarts=Restarts(min_s=0.01, steady_s=0.0))
    child.start()
    assert pauses(child, 3) == ["0.01 s", "0.01 s", "0.01 s"]


def test_a_child_that_does_not_hear_is_killed_with_its_own_children(tmp_path: Path) -> None:
    child = shell(STUBBORN, tmp_path)
    child.start()
    wait_until(lambda: "deaf" in (tmp_path / "log").read_text())
    stop_all([child], within_s=0.2)
    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL


def test_what_a_child_that_is_killed_has_started_is_killed_too(tmp_path: Path) -> None:
    child = shell(f"trap '' TERM; sleep 600 & echo $!; {STUBBORN}", tmp_path)
    child.start()
    wait_until(lambda: "deaf" in (tmp_path / "log").read_text())
    started = int((tmp_path / "log").read_text().split()[0])
    stop_all([child], within_s=0.2)
    wait_until(lambda: _is_zombie(started))


def test_what_a_child_that_ended_has_left_behind_is_killed(tmp_path: Path) -> None:
    child = shell("sleep 600 & echo $!", tmp_path)
    child.start()
    wait_until(lambda: ended(child))
    left = int((tmp_path / "log").read_text())
    stop_all([child], within_s=WITHIN_S)
    wait_until(lambda: _is_zombie(left))


def test_a_child_ends_if_what_follows_its_start_fails(tmp_path: Path) -> None:
    child = shell("sleep 60", tmp_path)
    child.start()
    with pytest.raises(KeyboardInterrupt), ended_on_error(child, within_s=WITHIN_S):
        raise KeyboardInterrupt
    assert ended(child)


def test_a_child_hears_what_its_parent_ignores(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        child = shell("sleep 60", tmp_path)
        child.start()
        stop_all([child], within_s=WITHIN_S)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert child.process is not None
    assert child.process.returncode == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="a promise of the Linux kernel")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from cli.embedded.child_process import Child; import time\n"
        f"child = Child('sleep', ['sleep', '60'], Path({str(tmp_path / 'log')!r}))\n"
        "child.start(); print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    wait_until(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    try:
        return ") Z" in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
