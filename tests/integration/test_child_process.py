"""Child processes: reported, restarted, and never left behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.embedded import child_process
from cli.embedded.child_process import Child, Restarts, stop_all, stop_on_error
from shared.errors import MinuanoError
from tests.polling import wait_until

WITHIN_S = 60.0
STUBBORN = "trap '' TERM; echo ignoring; while :; do sleep 0.05; done"


def shell(script: str, folder: Path, **options: Any) -> Child:
    """A child that runs a line of shell."""
    return Child("shell", ["sh", "-c", script], folder / "log", **options)


def pauses(child: Child, count: int) -> list[str]:
    """Restart the child this many times; return the pause before each restart."""
    announced: list[str] = []

    def restart() -> bool:
        if event := re.search(r"restarts in ([\d.]+ s)", child.restart_if_dead() or ""):
            announced.append(event[1])
        return len(announced) == count

    wait_until(restart)
    return announced


def has_ended(child: Child) -> bool:
    return not child.running


def test_the_error_of_an_ended_child_has_its_last_lines_and_names_its_log(tmp_path: Path) -> None:
    child = shell("echo first; echo second; echo third; exit 3", tmp_path)
    child.start()
    wait_until(lambda: has_ended(child))
    with pytest.raises(MinuanoError) as failure:
        child.require_running()
    assert str(failure.value) == (
        f"shell ended with exit code 3; see {tmp_path / 'log'}: second | third"
    )


def test_the_lines_of_an_earlier_run_are_not_reported_again(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("an old line\n")
    child = shell("exit 1", tmp_path)
    child.start()
    wait_until(lambda: has_ended(child))
    assert child.log_tail().endswith(": (empty)")


def test_a_long_log_begins_anew_while_its_child_writes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "MAX_LOG_BYTES", 5)
    script = "echo old lines; read -r line < fifo; echo new"
    child = shell(script, tmp_path, options={"cwd": tmp_path})
    os.mkfifo(tmp_path / "fifo")
    log = tmp_path / "log"
    child.start()
    wait_until(lambda: log.read_text() == "old lines\n")
    child.bound_log()
    (tmp_path / "fifo").write_text("go on\n")
    wait_until(lambda: has_ended(child))
    child.bound_log()
    assert (log.read_text(), (tmp_path / "log.old").read_text()) == ("new\n", "old lines\n")
    assert child.log_tail().endswith(": new")


def test_a_running_child_is_not_restarted(tmp_path: Path) -> None:
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


def test_a_child_that_ran_long_enough_restarts_after_the_shortest_pause(tmp_path: Path) -> None:
    child = shell("exit 1", tmp_path, restarts=Restarts(min_s=0.01, steady_s=0.0))
    child.start()
    assert pauses(child, 3) == ["0.01 s", "0.01 s", "0.01 s"]


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    child = shell(STUBBORN, tmp_path)
    child.start()
    wait_until(lambda: "ignoring" in (tmp_path / "log").read_text())
    stop_all([child], within_s=0.2)
    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL


def test_the_children_of_a_killed_child_are_killed_too(tmp_path: Path) -> None:
    child = shell(f"trap '' TERM; sleep 600 & echo $!; {STUBBORN}", tmp_path)
    child.start()
    wait_until(lambda: "ignoring" in (tmp_path / "log").read_text())
    grandchild = int((tmp_path / "log").read_text().split()[0])
    stop_all([child], within_s=0.2)
    wait_until(lambda: _is_zombie(grandchild))


def test_the_children_of_an_ended_child_are_killed(tmp_path: Path) -> None:
    child = shell("sleep 600 & echo $!", tmp_path)
    child.start()
    wait_until(lambda: has_ended(child))
    grandchild = int((tmp_path / "log").read_text())
    stop_all([child], within_s=WITHIN_S)
    wait_until(lambda: _is_zombie(grandchild))


@pytest.mark.parametrize(
    ("script", "within_s", "error"),
    [("exit 3", WITHIN_S, "ended with exit code 3"), ("sleep 60", 0.1, "is not ready in time")],
    ids=["it ends", "it stays unready"],
)
def test_a_child_that_does_not_become_ready_is_an_error(
    tmp_path: Path, script: str, within_s: float, error: str
) -> None:
    child = shell(script, tmp_path)
    child.start()
    try:
        with pytest.raises(MinuanoError, match=error):
            child.wait_until_ready(lambda: False, within_s=within_s)
    finally:
        stop_all([child], within_s=WITHIN_S)


def test_an_ended_child_is_not_ready_even_if_another_process_answers(tmp_path: Path) -> None:
    child = shell("exit 3", tmp_path)
    child.start()
    wait_until(lambda: has_ended(child))
    with pytest.raises(MinuanoError, match="ended with exit code 3"):
        child.wait_until_ready(lambda: True, within_s=WITHIN_S)


def test_a_child_is_stopped_if_the_block_after_its_start_fails(tmp_path: Path) -> None:
    child = shell("sleep 60", tmp_path)
    child.start()
    with pytest.raises(KeyboardInterrupt), stop_on_error(child, within_s=WITHIN_S):
        raise KeyboardInterrupt
    assert has_ended(child)


def test_a_child_accepts_a_signal_that_its_parent_ignores(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_during_the_start_leaves_no_unknown_process(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = child_process._accept_signal_and_end_with_parent

    def interrupt_the_parent(stop_signal: signal.Signals) -> None:
        os.kill(os.getppid(), number)
        prepare(stop_signal)

    monkeypatch.setattr(child_process, "_accept_signal_and_end_with_parent", interrupt_the_parent)
    before = signal.signal(number, signal.default_int_handler)
    child = shell("exec sleep 60", tmp_path)
    try:
        with pytest.raises(KeyboardInterrupt):
            child.start()
        assert child.running
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
        stop_all([child], within_s=WITHIN_S)
