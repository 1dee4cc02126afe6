"""`minuano up`: one terminal runs the stack, commands in another terminal use it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from cli.embedded import ports
from tests.e2e.cli_process import ANSWER_S, KEYS, MINUANO, Up, environment, minuano, up
from tests.e2e.sql import execute_once
from tests.polling import wait_until


@pytest.fixture(scope="module")
def taken() -> Iterator[Sequence[int]]:
    """Ports that `up` prefers and that this process holds. Those of another stack do not count: it
    may end and free them before this one starts.
    """
    held = []
    with ExitStack() as until:
        for port in (8000, 55432):
            if ports.preferred(port) == port:
                until.enter_context(closing(socket.create_server((ports.HOST, port))))
                held.append(port)
        yield held


@pytest.fixture(scope="module")
def terminal(taken: Sequence[int]) -> Iterator[Up]:
    """A stack with a key, in a folder that all users can read and that has a space in its name."""
    with tempfile.TemporaryDirectory(prefix="minuano up ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with up(folder, settings=KEYS) as running:
            yield running


@contextmanager
def paused(pids: list[int]) -> Iterator[None]:
    """Processes that are suspended while the block runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def run_day(terminal: Up) -> None:
    """Compute a day with the whole pipeline."""
    result = minuano("run", "2025-12-05", cwd=terminal.folder)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_screen_has_all_urls(terminal: Up) -> None:
    state = terminal.stack
    for name in ("source_url", "target_url", "redis_url", "connector_url", "extractor_url"):
        assert state[name] in terminal.screen
    assert ".minuano/logs" in terminal.screen


def test_a_stack_uses_other_ports_if_the_preferred_ones_are_in_use(
    terminal: Up, taken: Sequence[int]
) -> None:
    assert [port for port in taken if f":{port}/" in terminal.screen] == []


def test_the_screen_names_the_servers(terminal: Up) -> None:
    assert re.search(r"PostgreSQL \d\d\.\d+ .* and (Redis|Valkey) \d", terminal.screen)


@pytest.mark.parametrize("command", ["run 2025-12-05", "curl", "XADD", "status"])
def test_each_example_command_works_as_it_is_printed(terminal: Up, command: str) -> None:
    line = next(line for line in terminal.screen.splitlines() if command in line)
    if command == "curl" and not shutil.which("curl"):
        pytest.skip("no curl here")
    if "needs redis-cli" in line:
        pytest.skip("no redis-cli here")
    jobs = terminal.states().count("done")
    result = subprocess.run(
        ["sh", "-c", line], cwd=terminal.folder, env=environment(), capture_output=True, timeout=60
    )
    assert result.returncode == 0, result.stderr.decode()
    if command != "status":
        wait_until(lambda: terminal.states().count("done") > jobs)


def test_commands_find_the_stack_from_a_subfolder(terminal: Up) -> None:
    below = terminal.folder / "notes" / "december"
    below.mkdir(parents=True)
    result = minuano("status", cwd=below)
    assert result.returncode == 0, result.stderr


def test_the_status_counts_idle_workers(terminal: Up) -> None:
    expected = {"extractor": "1", "aggregator": "2", "loader": "1"}

    def workers() -> dict[str, str]:
        rows = minuano("status", cwd=terminal.folder).stdout.splitlines()[1:4]
        return {row.split()[0]: row.split()[-1] for row in rows}

    # A worker that another test has killed is still counted for a while.
    wait_until(lambda: workers() == expected, what="the expected number of workers")


def test_commands_use_the_key_of_the_stack(terminal: Up) -> None:
    result = minuano("jobs", cwd=terminal.folder)
    assert result.returncode == 0, result.stderr


def test_a_wrong_key_is_refused_and_the_setting_is_named(terminal: Up) -> None:
    result = minuano("jobs", cwd=terminal.folder, settings={"MINUANO_API_KEY": "third-key"})
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "MINUANO_API_KEY" in result.stderr


def test_the_doctor_reports_a_wrong_key(terminal: Up) -> None:
    result = minuano("doctor", cwd=terminal.folder, settings={"MINUANO_API_KEY": "third-key"})
    assert result.returncode == 1
    assert "✗ extractor  MINUANO_API_KEY" in result.stdout


def test_a_second_up_in_the_folder_is_refused(terminal: Up) -> None:
    result = minuano("up", cwd=terminal.folder)
    assert result.returncode == 1
    assert f"pid {terminal.process.pid}" in result.stderr


def test_the_state_file_is_readable_by_its_owner_only(terminal: Up) -> None:
    assert (terminal.folder / ".minuano/stack.json").stat().st_mode & 0o077 == 0


def test_no_session_of_the_owner_stays_open(terminal: Up) -> None:
    state = json.loads((terminal.folder / ".minuano/stack.json").read_text())
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'minuano-migrate'"
    assert execute_once(state["owner_target_url"], sessions) == [(0,)]


def test_sample_data_of_the_stack_are_replaced_without_a_question(terminal: Up) -> None:
    result = minuano("seed", "--start", "2025-11-01", "--days", "2", cwd=terminal.folder)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (
        0, "2,880 samples: 2 days from 2025-11-01",
    )  # fmt: skip


def test_seed_if_empty_writes_nothing_into_a_table_with_rows(terminal: Up) -> None:
    result = minuano("seed", "--if-empty", cwd=terminal.folder)
    assert (result.returncode, result.stdout) == (0, "data already holds rows: nothing written\n")


def test_seed_adds_no_turbines_to_a_table_without_an_asset_column(terminal: Up) -> None:
    result = minuano("seed", "--assets", "2", cwd=terminal.folder)
    assert result.returncode == 1
    assert "other columns" in result.stderr


def test_a_second_migration_has_nothing_to_do(terminal: Up) -> None:
    result = minuano("migrate", cwd=terminal.folder)
    assert result.returncode == 0
    assert "nothing to do" in result.stdout


@pytest.mark.parametrize("name", ["services.aggregator", "redis", "postgres"])
def test_a_killed_process_is_restarted_and_the_screen_says_so(terminal: Up, name: str) -> None:
    before, pid = len(terminal.screen), terminal.child(name)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "restarted (pid" in terminal.screen[before:], what="the restart")
    assert "ended with SIGKILL; restarts in 0.5 s" in terminal.screen[before:]
    url = f"{terminal.stack['extractor_url']}/health/ready"
    wait_until(lambda: httpx.get(url, timeout=ANSWER_S).is_success)
    run_day(terminal)


def test_a_run_survives_a_restart_of_the_extractor(terminal: Up) -> None:
    aggregators = [pid for pid, line in terminal.children().items() if "aggregator" in line]
    before, extractor = len(terminal.screen), terminal.child("services.extractor")
    with paused(aggregators):
        process = subprocess.Popen(
            [*MINUANO, "run", "2025-12-06"], cwd=terminal.folder, env=environment(),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_until(lambda: "running" in terminal.states())
        os.kill(extractor, signal.SIGKILL)
        wait_until(lambda: "restarted (pid" in terminal.screen[before:], what="the restart")
    stdout, _ = process.communicate(timeout=180)
    assert (process.returncode, "done" in stdout) == (0, True), stdout


def test_a_run_that_takes_too_long_ends_with_1_and_its_job_continues(terminal: Up) -> None:
    aggregators = [pid for pid, line in terminal.children().items() if "aggregator" in line]
    with paused(aggregators):
        result = minuano("run", "2025-12-07", "--timeout-s", "0.5", cwd=terminal.folder)
    assert result.returncode == 1
    assert "has not ended within 0.5 s; it continues" in result.stderr
    wait_until(lambda: "running" not in terminal.states())
