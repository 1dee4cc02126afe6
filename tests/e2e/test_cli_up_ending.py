"""`minuano up`: all ways in which it can end."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli_process import STOP_WITHIN_S, Up, alive, minuano, up
from tests.polling import wait_until

pytestmark = pytest.mark.cold


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder for all tests, in a folder that only its owner can enter."""
    folder = tmp_path_factory.getbasetemp() / "ending"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def terminal(folder: Path) -> Iterator[Up]:
    with up(folder) as running:
        yield running


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)]
)
def test_a_signal_ends_all_processes(terminal: Up, number: signal.Signals) -> None:
    children = terminal.children()
    assert (terminal.stop(number), alive(children)) == (0, {})
    assert terminal.screen.endswith("no process is left running\n")


def test_no_process_survives_a_killed_up_and_its_stack_is_not_found(terminal: Up) -> None:
    children = terminal.children()
    terminal.process.kill()
    terminal.process.wait()
    wait_until(lambda: not alive(children), within_s=STOP_WITHIN_S, what="the end of the children")
    result = minuano("status", cwd=terminal.folder)
    assert result.returncode == 2
    assert "no stack runs here" in result.stderr


def test_ctrl_c_ends_a_stack_that_is_still_starting(folder: Path) -> None:
    starting = Up(folder, settings={})
    wait_until(lambda: any("services." in line for line in starting.children().values()))
    children = starting.children()
    assert (starting.stop(signal.SIGINT), alive(children)) == (0, {})
    assert "Ctrl-C stops" not in starting.screen
