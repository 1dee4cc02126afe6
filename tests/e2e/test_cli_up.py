"""`minuano up`: one terminal runs the stack, another finds it."""

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
from tests.polling import wait_until


@pytest.fixture(scope="module")
def taken() -> Iterator[Sequence[int]]:
    """Ports that `up` would take, and that others have: we, or somebody before us."""
    usual = (8000, 55432)
    with ExitStack() as until:
        for port in usual:
            if ports.preferred(port) == port:
                until.enter_context(closing(socket.create_server((ports.HOST, port))))
        yield usual


@pytest.fixture(scope="module")
def terminal(taken: Sequence[int]) -> Iterator[Up]:
    """A stack with a key, in a folder that others may read and that has a space in its name."""
    with tempfile.TemporaryDirectory(prefix="minuano up ") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with up(folder, settings=KEYS) as running:
            yield running


@contextmanager
def paused(pids: list[int]) -> Iterator[None]:
    """Processes that do nothing while the block runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def run_again(terminal: Up) -> None:
    """A day goes through the whole pipeline."""
    ended = minuano("run", "2025-12-05", cwd=terminal.folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_screen_tells_every_address(terminal: Up) -> None:
    told = terminal.stack
    for address in ("source_url", "target_url", "redis_url", "connector_url", "extractor_url"):
        assert told[address] in terminal.screen
    assert ".minuano/logs" in terminal.screen


def test_a_stack_takes_other_ports_where_the_usual_ones_are_taken(
    terminal: Up, taken: Sequence[int]
) -> None:
    assert [port for port in taken if f":{port}/" in terminal.screen] == []


def test_the_screen_names_the_servers_that_run(terminal: Up) -> None:
    assert re.search(r"PostgreSQL \d\d\.\d+ .* and (Redis|Valkey) \d", terminal.screen)


@pytest.mark.parametrize("command", ["run 2025-12-05", "curl", "XADD", "status"])
def test_each_line_to_try_works_as_it_is_printed(terminal: Up, command: str) -> None:
    line = next(line for line in terminal.screen.splitlines() if command in line)
    if command == "curl" and not shutil.which("curl"):
        pytest.skip("no curl here")
    if "once you have redis-cli" in line:
        pytest.skip("no redis-cli here")
    jobs = terminal.states().count("done")
    ended = subprocess.run(
        ["sh", "-c", line], cwd=terminal.folder, env=environment(), capture_output=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr.decode()
    if command != "status":
        wait_until(lambda: terminal.states().count("done") > jobs)


def test_commands_find_the_stack_from_a_folder_below(terminal: Up) -> None:
    below = terminal.folder / "notes" / "december"
    below.mkdir(parents=True)
    ended = minuano("status", cwd=below)
    assert ended.returncode == 0, ended.stderr


def test_the_status_counts_the_workers_also_while_nothing_is_to_do(terminal: Up) -> None:
    expected = {"extractor": "1", "aggregator": "2", "loader": "1"}

    def workers() -> dict[str, str]:
        rows = minuano("status", cwd=terminal.folder).stdout.splitlines()[1:4]
        return {row.split()[0]: row.split()[-1] for row in rows}

    # One that was killed by another test is still counted for a while.
    wait_until(lambda: workers() == expected, what="the usual number of workers")


def test_commands_use_the_key_of_the_stack(terminal: Up) -> None:
    ended = minuano("jobs", cwd=terminal.folder)
    assert ended.returncode == 0, ended.stderr


def test_another_key_is_refused_and_the_setting_named(terminal: Up) -> None:
    ended = minuano("jobs", cwd=terminal.folder, settings={"MINUANO_API_KEY": "third-key"})
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "MINUANO_API_KEY" in ended.stderr


def test_the_doctor_says_what_to_do_about_a_wrong_key(terminal: Up) -> None:
    ended = minuano("doctor", cwd=terminal.folder, settings={"MINUANO_API_KEY": "third-key"})
    assert ended.returncode == 1
    assert "✗ extractor  MINUANO_API_KEY" in ended.stdout


def test_a_second_up_in_the_folder_is_refused(terminal: Up) -> None:
    ended = minuano("up", cwd=terminal.folder)
    assert ended.returncode == 1
    assert f"pid {terminal.process.pid}" in ended.stderr


def test_the_file_with_the_passwords_is_for_its_owner_only(terminal: Up) -> None:
    assert (terminal.folder / ".minuano/stack.json").stat().st_mode & 0o077 == 0


def test_sample_data_is_replaced_without_a_question(terminal: Up) -> None:
    ended = minuano("seed", "--start", "2025-11-01", "--days", "2", cwd=terminal.folder)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (
        0, "2,880 samples: 2 days from 2025-11-01",
    )  # fmt: skip


def test_seed_leaves_a_table_alone_that_holds_rows_if_told_so(terminal: Up) -> None:
    ended = minuano("seed", "--if-empty", cwd=terminal.folder)
    assert (ended.returncode, ended.stdout) == (0, "data holds rows: left alone\n")


def test_turbines_are_not_mixed_into_a_table_without_them(terminal: Up) -> None:
    ended = minuano("seed", "--assets", "2", cwd=terminal.folder)
    assert ended.returncode == 1
    assert "other columns" in ended.stderr


def test_the_migration_has_nothing_left_to_do(terminal: Up) -> None:
    ended = minuano("migrate", cwd=terminal.folder)
    assert ended.returncode == 0
    assert "nothing to do" in ended.stdout


@pytest.mark.parametrize("name", ["services.aggregator", "redis", "postgres"])
def test_what_dies_is_started_again_and_the_screen_says_so(terminal: Up, name: str) -> None:
    before, pid = len(terminal.screen), terminal.child(name)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "started again" in terminal.screen[before:], what="the restart")
    assert "ended with SIGKILL; starts again in 0.5 s" in terminal.screen[before:]
    url = f"{terminal.stack['extractor_url']}/health/ready"
    wait_until(lambda: httpx.get(url, timeout=ANSWER_S).is_success)
    run_again(terminal)


def test_a_run_outlives_the_extractor(terminal: Up) -> None:
    aggregators = [pid for pid, line in terminal.children().items() if "aggregator" in line]
    before, extractor = len(terminal.screen), terminal.child("services.extractor")
    with paused(aggregators):
        running = subprocess.Popen(
            [*MINUANO, "run", "2025-12-06"], cwd=terminal.folder, env=environment(),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_until(lambda: "running" in terminal.states())
        os.kill(extractor, signal.SIGKILL)
        wait_until(lambda: "started again" in terminal.screen[before:], what="the restart")
    said, _ = running.communicate(timeout=180)
    assert (running.returncode, "done" in said) == (0, True), said


def test_a_run_that_takes_too_long_ends_with_1_and_the_job_goes_on(terminal: Up) -> None:
    aggregators = [pid for pid, line in terminal.children().items() if "aggregator" in line]
    with paused(aggregators):
        ended = minuano("run", "2025-12-07", "--timeout-s", "0.5", cwd=terminal.folder)
    assert ended.returncode == 1
    assert "has not ended within 0.5 s; it goes on" in ended.stderr
    wait_until(lambda: "running" not in terminal.states())
