"""`minuano up --dagster`: a stack with Dagster's web pages, daemon and code location."""

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.cli_process import ANSWER_S, KEYS, MINUANO, Up, environment, minuano, up
from tests.polling import wait_until

# Each process of Dagster takes seconds to start, and longer on a busy machine.
pytestmark = pytest.mark.timeout(600)

MARK = "MINUANO_TEST_MARK"
RUNS = "{ runsOrError { ... on Runs { results { status } } } }"
DAY = ("--select", "wind/statistics", "--partition", "2025-12-05")


class Terminals:
    """Starts a stack with a key and Dagster; a new one after a test has killed it."""

    def __init__(self, folder: Path, until: ExitStack) -> None:
        self._folder, self._until = folder, until
        self._last: Up | None = None

    def terminal(self) -> Up:
        if self._last is None or self._last.process.poll() is not None:
            settings = {**KEYS, MARK: uuid.uuid4().hex}
            started = up(self._folder, "--dagster", settings=settings)
            self._last = self._until.enter_context(started)
        return self._last


@pytest.fixture(scope="module")
def terminals() -> Iterator[Terminals]:
    with ExitStack() as until:
        name = until.enter_context(tempfile.TemporaryDirectory(prefix="minuano dagster "))
        Path(name).chmod(0o755)
        yield Terminals(Path(name), until)


@pytest.fixture
def terminal(terminals: Terminals) -> Up:
    return terminals.terminal()


def runs(terminal: Up) -> list[str]:
    """The states of Dagster's runs, newest first."""
    answer = httpx.post(
        f"{terminal.stack['dagster_url']}/graphql", json={"query": RUNS}, timeout=ANSWER_S
    )
    return [run["status"] for run in answer.json()["data"]["runsOrError"]["results"]]


def descendants(mark: str) -> list[str]:
    """The command lines of all processes that inherited a mark in their environment."""
    command_lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # During exec, both files may hold any bytes.
            if f"{MARK}={mark}\0".encode() in (process / "environ").read_bytes() + b"\0":
                command_lines.append((process / "cmdline").read_bytes().decode(errors="replace"))
        except OSError:  # it has ended, or it belongs to another user
            continue
    return [line for line in command_lines if line]


def test_the_screen_and_the_state_file_have_the_url_of_dagster(terminal: Up) -> None:
    assert f"dagster    {terminal.stack['dagster_url']}\n" in terminal.screen
    assert httpx.get(f"{terminal.stack['dagster_url']}/server_info", timeout=ANSWER_S).is_success


def test_dagster_has_a_private_database(terminal: Up) -> None:
    home = terminal.folder / ".minuano" / "dagster"
    url = terminal.stack["settings"]["MINUANO_DAGSTER_STORAGE_URL"]
    assert url.startswith("postgresql://dagster:")
    assert url.endswith("/dagster")
    assert url.split(":")[2].split("@")[0] not in (home / "dagster.yaml").read_text()
    assert not list(home.rglob("*.db"))


def test_a_day_is_materialized_on_a_stack_with_a_key(terminal: Up) -> None:
    result = minuano("dagster", "asset", "materialize", *DAY, cwd=terminal.folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (runs(terminal)[0], terminal.states()[0]) == ("SUCCESS", "done")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_no_process_survives_an_up_that_is_killed_during_a_run(terminal: Up) -> None:
    stopped = [pid for pid, line in terminal.children().items() if "aggregator" in line]
    mark = terminal.stack["settings"][MARK]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    launch = minuano(
        "dagster", "job", "backfill", "--job", "statistics", "--partitions", "2025-12-06",
        "--noprompt", cwd=terminal.folder,
    )  # fmt: skip
    assert launch.returncode == 0, launch.stderr
    wait_until(lambda: runs(terminal)[0] == "STARTED", within_s=120, what="the start of the run")
    assert any("spawn_main" in line for line in descendants(mark))
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    terminal.process.kill()
    wait_until(lambda: not descendants(mark), within_s=60, what="the end of all processes")


def test_a_command_does_not_import_dagster() -> None:
    code = "import sys, cli.main; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("command", [("up", "--dagster"), ("dagster", "job", "list")])
def test_without_dagster_one_line_says_how_to_install_it(
    tmp_path: Path, command: tuple[str]
) -> None:
    code = (
        "import sys, importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if 'dagster' in name else find(name, *more)\n"
        f"sys.argv = ['minuano', *{command!r}]\n"
        "from cli.main import main; sys.exit(main())"
    )
    result = subprocess.run(
        [MINUANO[0], "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert (result.returncode, result.stderr.count("\n")) == (2, 1), result.stderr
    assert "make dagster" in result.stderr
