"""Runs the related tests against one planted bug after another."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from tests.mutants.mutant import Mutant, problem
from tests.mutants.tree_copy import TreeCopy

MUTANT_TIMEOUT_S = 900
BASELINE_TIMEOUT_S = 7_200
PASSED, NOTHING_COLLECTED = 0, 5
PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "-x", "-q", "--tb=no", "-rfE")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_STOP_TIMEOUT_S = 30

Outcome = Literal["found", "survived", "not applied"]


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one planted bug. `detail` is the failed test or the reason."""

    mutant: Mutant
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run of pytest; `exit_code` is None if it exceeded its timeout."""

    __test__ = False  # otherwise pytest collects it as a test class

    exit_code: int | None
    output: str

    @property
    def first_failure(self) -> str:
        """The test that failed, if the output names one."""
        failed = _FAILED.search(self.output)
        return failed.group(1) if failed else ""


class Runner:
    """Runs tests in copies of the tree, one copy for each of `jobs` threads."""

    def __init__(self, root: Path, files: Sequence[str], folder: Path, *, jobs: int) -> None:
        self._jobs = jobs
        self._copies: SimpleQueue[TreeCopy] = SimpleQueue()
        for n in range(jobs):
            self._copies.put(TreeCopy(root, files, folder / f"copy-{n}"))

    def baseline_failure(self, mutants: Sequence[Mutant]) -> str | None:
        """The output of the related tests if they fail without a bug."""
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        shares = [share for n in range(self._jobs) if (share := tests[n :: self._jobs])]
        with ThreadPoolExecutor(self._jobs) as pool:
            runs = list(pool.map(self._run_baseline, shares))
        return next((run.output for run in runs if run.exit_code != PASSED), None)

    def results(self, mutants: Sequence[Mutant]) -> Iterator[Result]:
        """The results in the order of the bugs."""
        with ThreadPoolExecutor(self._jobs) as pool:
            yield from pool.map(self._run_mutant, mutants)

    def _run_baseline(self, tests: Sequence[str]) -> TestRun:
        with self._copy() as copy:
            return run_tests(copy, tests, timeout_s=BASELINE_TIMEOUT_S)

    def _run_mutant(self, mutant: Mutant) -> Result:
        with self._copy() as copy:
            if reason := problem(mutant, copy.folder):
                return Result(mutant, "not applied", reason)
            with copy.planted(mutant):
                return judge(mutant, run_tests(copy, mutant.tests, timeout_s=MUTANT_TIMEOUT_S))

    @contextlib.contextmanager
    def _copy(self) -> Iterator[TreeCopy]:
        copy = self._copies.get()
        try:
            yield copy
        finally:
            self._copies.put(copy)


def judge(mutant: Mutant, run: TestRun) -> Result:
    """The tests passed without the bug, so the bug causes every failure, also one at import."""
    if run.exit_code == PASSED:
        return Result(mutant, "survived")
    if run.exit_code == NOTHING_COLLECTED:
        return Result(mutant, "not applied", "pytest collected no test")
    return Result(mutant, "found", "hangs" if run.exit_code is None else run.first_failure)


def run_tests(copy: TreeCopy, tests: Sequence[str], *, timeout_s: float) -> TestRun:
    """Run the tests in the copy until the first failure; kill them after the timeout."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, *PYTEST, *tests],
            cwd=copy.folder, env=copy.environment(), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        code: int | None = None
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(timeout_s)
        finally:
            _stop(process)
        output.seek(0)
        return TestRun(code, output.read())


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Let pytest stop its servers, then kill the remaining processes."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_TIMEOUT_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
