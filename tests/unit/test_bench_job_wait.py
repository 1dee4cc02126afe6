"""The benchmark waits for a job only as long as the job can still be done."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.job_wait import wait_for_job
from cli.embedded.child_process import Child, stop_all
from shared.errors import MinuanoError

JOB = 7
PAUSED = "2026-01-01T00:00:00Z [warning  ] stage.paused error='no column fingerprints'\n"
PAUSED_JSON = '{"level": "warning", "event": "stage.paused", "error": "no column fingerprints"}\n'
LOADED = "2026-01-01T00:00:00Z [info     ] batch.loaded job=7\n"
RUNNING = ("running", 0, "")


@pytest.fixture
def loader(tmp_path: Path) -> Iterator[Child]:
    child = Child("loader-1", ["sleep", "600"], tmp_path / "loader-1.log")
    child.start()
    yield child
    stop_all([child], within_s=5)


def write(child: Child, text: str) -> None:
    with child.log.open("a") as log:
        log.write(text)


def never() -> bool:
    return False


def wait(
    *services: Child,
    is_done: Callable[[], bool] = never,
    progress: tuple[Any, ...] | Callable[[], tuple[Any, ...]] = RUNNING,
    stalled_after_s: float = 60,
) -> None:
    wait_for_job(
        JOB, is_done, progress if callable(progress) else lambda: progress, services,
        poll_s=0, check_every_s=0, stalled_after_s=stalled_after_s,
    )  # fmt: skip


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_failed_job_ends_the_wait_with_its_reason(loader: Child, state: str) -> None:
    with pytest.raises(
        MinuanoError, match=f"job 7 is {state} .data: bad value.; see {loader.log.parent}"
    ):
        wait(loader, progress=(state, 0, "data: bad value"))


@pytest.mark.parametrize("warning", [PAUSED, PAUSED_JSON])
def test_a_stalled_job_ends_the_wait_with_the_last_warning(loader: Child, warning: str) -> None:
    write(loader, warning + LOADED)
    with pytest.raises(
        MinuanoError, match=rf"no progress for 0 s; see {loader.log}: .*no column fingerprints"
    ):
        wait(loader, stalled_after_s=0)


def test_a_stalled_job_without_warnings_names_the_folder_of_the_logs(loader: Child) -> None:
    write(loader, LOADED)
    with pytest.raises(MinuanoError, match=f"no progress for 0 s; see {loader.log.parent}$"):
        wait(loader, stalled_after_s=0)


def test_a_job_is_not_stalled_while_slices_are_loaded(loader: Child) -> None:
    slices = iter(range(1, 6))
    checks: list[int] = []

    def progress() -> tuple[Any, ...]:
        checks.append(next(slices))
        return "running", checks[-1], ""

    wait(loader, is_done=lambda: len(checks) == 5, progress=progress, stalled_after_s=1e-9)


def test_a_service_that_has_ended_ends_the_wait_with_its_log(tmp_path: Path) -> None:
    child = Child("loader-1", ["sh", "-c", "echo no memory; exit 3"], tmp_path / "loader-1.log")
    child.start()
    assert child.process
    child.process.wait()
    with pytest.raises(MinuanoError, match=r"loader-1 ended with exit code 3; .*no memory"):
        wait(child)


def test_a_job_that_is_done_is_not_waited_for(loader: Child) -> None:
    wait(loader, is_done=lambda: True, progress=("failed", 0, ""))
