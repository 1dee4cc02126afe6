"""The planted bugs fit the code, and the runner reports which of them the tests find."""

from pathlib import Path

import pytest

from tests.mutants import report
from tests.mutants.__main__ import run
from tests.mutants.mutant import Mutant, load, problem, select
from tests.mutants.runner import Result, Runner, TestRun, judge, run_tests
from tests.mutants.tree_copy import TreeCopy

HANGING = """
import os, signal

def test_it():
    with open("../pid", "w") as file:
        file.write(str(os.getpid()))
    signal.pause()
"""
TIMEOUT_S = 5.0
"""Usually enough for pytest to start the test; otherwise pytest itself is still running."""


def mutant(**changes: object) -> Mutant:
    """A planted bug in the project below."""
    fields = {
        "room": "sums", "name": "It adds one too much", "file": "sums.py",
        "old": "a + b", "new": "a + b + 1", "tests": ("test_sums.py",),
    }  # fmt: skip
    return Mutant(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A miniature project of one module with one test."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "sums.py").write_text("def add(a, b):\n    note = 'sum'\n    return a + b\n")
    (root / "test_sums.py").write_text(
        "from sums import add\n\n\ndef test_two_and_two_are_four():\n    assert add(2, 2) == 4\n"
    )
    # Loading the pytest plugins would take a second for each bug.
    (root / "pytest.ini").write_text("[pytest]\naddopts = --disable-plugin-autoload\n")
    return root


def runner(project: Path) -> Runner:
    files = [path.name for path in project.iterdir()]
    return Runner(project, files, project.parent / "copies", jobs=1)


def test_each_planted_bug_fits_the_code_and_its_tests_exist() -> None:
    problems = {str(bug): problem(bug) for bug in load()}
    assert {name: reason for name, reason in problems.items() if reason} == {}


def test_each_bug_is_listed_once() -> None:
    changes = [(bug.file, bug.old, bug.new) for bug in load()]
    assert len(changes) == len(set(changes))


def test_surviving_and_found_bugs_are_reported_separately(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survivor = mutant(name="The note is wrong", old="'sum'", new="'product'")
    code = run(runner(project), [mutant(), survivor])
    output = capsys.readouterr().out
    assert (
        "1/2 found sums: It adds one too much (test_sums.py::test_two_and_two_are_four)" in output
    )
    assert "2/2 survived sums: The note is wrong" in output
    assert code == 1
    assert "return a + b\n" in (project / "sums.py").read_text()


def test_a_bug_whose_code_is_missing_is_not_applied(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(runner(project), [mutant(old="a - b")]) == 1
    assert "1/1 not applied sums: It adds one too much" in capsys.readouterr().out


def test_tests_that_fail_without_a_bug_stop_the_run(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "test_sums.py").write_text("def test_wrong():\n    assert False\n")
    assert run(runner(project), [mutant()]) == 2
    assert "the tests fail without a bug" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"file": "products.py"}, "products.py does not exist"),
        ({"old": "a"}, "`old` occurs 3 times in sums.py"),
        ({"new": "a + b"}, "`old` and `new` are equal"),
        ({"tests": ("test_more.py",)}, "test_more.py does not exist"),
        ({"tests": ("test_sums.py::test_two",)}, "test_sums.py::test_two does not exist"),
    ],
)
def test_the_reason_why_a_bug_cannot_be_planted(
    project: Path, changes: dict[str, object], reason: str
) -> None:
    assert problem(mutant(**changes), project) == reason


def test_hanging_tests_are_stopped(project: Path) -> None:
    (project / "test_sums.py").write_text(HANGING)
    copy = TreeCopy(project, ["test_sums.py", "pytest.ini"], project.parent / "copy")
    assert run_tests(copy, ["test_sums.py"], timeout_s=TIMEOUT_S).exit_code is None
    pids = [file.read_text() for file in project.parent.glob("pid")]
    assert not [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]


def test_hanging_tests_count_as_having_found_the_bug() -> None:
    assert judge(mutant(), TestRun(None, "")) == Result(mutant(), "found", "hangs")


def test_a_run_without_tests_finds_no_bug() -> None:
    assert judge(mutant(), TestRun(5, "")).outcome == "not applied"


@pytest.mark.parametrize(
    ("found", "survived", "not_applied", "good"),
    [(95, 5, 0, True), (94, 6, 0, False), (100, 0, 0, True), (99, 0, 1, False)],
)
def test_a_run_is_good_if_95_percent_are_found_and_all_are_planted(
    found: int, survived: int, not_applied: int, good: bool
) -> None:
    results = [
        *[Result(mutant(), "found")] * found,
        *[Result(mutant(), "survived")] * survived,
        *[Result(mutant(), "not applied")] * not_applied,
    ]
    assert report.is_good(results) is good


def test_bugs_are_selected_by_room_and_by_part_of_their_name() -> None:
    sums, products = mutant(), mutant(room="products", name="It multiplies")
    assert select([sums, products], room="products", pattern="") == [products]
    assert select([sums, products], room=None, pattern="ADDS") == [sums]
