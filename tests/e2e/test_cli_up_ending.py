"""`minuano up`: every way in which it can end."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli_process import STOP_WITHIN_S, Up, alive, minuano, up
from tests.polling import wait_until

pytestmark = pytest.mark.cold


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder for all tests, below one that only its owner may enter."""
    made = tmp_path_factory.getbasetemp() / "ending"
    made.mkdir(exist_ok=True)
    return made


@pytest.fixture
def terminal(folder: Path) -> Iterator[Up]:
    with up(folder) as running:
        yield running


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)]
)
def test_a_signal_ends_all_of_it(terminal: Up, number: signal.Signals) -> None:
    children = terminal.children()
    assert (terminal.ask_to_end(number), alive(children)) == (0, {})
    assert terminal.screen.endswith("nothing is left running\n")


def test_nothing_outlives_an_up_that_was_killed_nor_is_it_found(terminal: Up) -> None:
    children = terminal.children()
    terminal.process.kill()
    terminal.process.wait()
    wait_until(lambda: not alive(children), within_s=STOP_WITHIN_S, what="the children's end")
    ended = minuano("status", cwd=terminal.folder)
    assert ended.returncode == 2
    assert "no stack runs here" in ended.stderr


def test_ctrl_c_also_ends_a_stack_that_only_starts(folder: Path) -> None:
    starting = Up(folder, settings={})
    wait_until(lambda: any("services." in line for line in starting.children().values()))
    children = starting.children()
    assert (starting.ask_to_end(signal.SIGINT), alive(children)) == (0, {})
    assert "Ctrl-C ends" not in starting.screen
