"""The benchmark waits for a job as long as it can end, and no longer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.job_watch import CHECK_EVERY_S, MAX_COMPLAINTS, WITHIN_S, JobWatch, Progress
from cli.embedded.child_process import Child, stop_all
from shared.errors import MinuanoError

JOB = 7
PAUSED = "2026-01-01T00:00:00Z [warning  ] stage.paused error='no column fingerprints'\n"
PAUSED_JSON = '{"level": "warning", "event": "stage.paused", "error": "no column fingerprints"}\n'
FINE = "2026-01-01T00:00:00Z [info     ] batch.loaded job=7\n"
RUNNING = Progress("running", 0, "")


class Clock:
    """Time passes only by the pauses."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def loader(tmp_path: Path) -> Iterator[Child]:
    child = Child("loader-1", ["sleep", "600"], tmp_path / "loader-1.log")
    child.start()
    yield child
    stop_all([child], within_s=5)


def write(child: Child, text: str, *, times: int = MAX_COMPLAINTS) -> None:
    with child.log.open("a") as log:
        log.write(text * times)


def watch(*services: Child, progress: Progress = RUNNING, clock: Clock | None = None) -> JobWatch:
    clock = clock or Clock()
    return JobWatch(JOB, lambda: progress, services, clock=clock, pause=clock.pause)


def test_a_job_that_goes_on_passes(loader: Child) -> None:
    watching = watch(loader)
    write(loader, FINE)
    watching.check()


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_failed_ends_the_wait_with_its_reason(loader: Child, state: str) -> None:
    with pytest.raises(
        MinuanoError, match=f"job 7 is {state} .data: bad value.; see {loader.log.parent}"
    ):
        watch(loader, progress=Progress(state, 0, "data: bad value")).check()


@pytest.mark.parametrize("complaint", [PAUSED, PAUSED_JSON])
def test_a_service_that_only_complains_ends_the_wait(loader: Child, complaint: str) -> None:
    watching = watch(loader)
    write(loader, complaint)
    with pytest.raises(MinuanoError, match=rf"{loader.log}: .*no column fingerprints"):
        watching.check()


def test_a_short_outage_does_not_end_the_wait(loader: Child) -> None:
    watching = watch(loader)
    write(loader, PAUSED, times=MAX_COMPLAINTS - 1)
    watching.check()


def test_complaints_from_before_the_job_do_not_count(loader: Child) -> None:
    write(loader, PAUSED)
    watch(loader).check()


def test_complaints_do_not_count_once_a_slice_was_loaded_after_them(loader: Child) -> None:
    watching = watch(loader, progress=Progress("running", 1, ""))
    write(loader, PAUSED)
    watching.check()


def test_a_service_that_has_ended_ends_the_wait_with_its_log(tmp_path: Path) -> None:
    child = Child("loader-1", ["sh", "-c", "echo no memory; exit 3"], tmp_path / "loader-1.log")
    child.start()
    assert child.process
    child.process.wait()
    with pytest.raises(MinuanoError, match=r"loader-1 ended with exit code 3; .*no memory"):
        watch(child).check()


def test_while_waiting_the_job_is_checked_again_and_again(loader: Child) -> None:
    clock = Clock()
    watching = watch(loader, clock=clock)
    write(loader, PAUSED)
    with pytest.raises(MinuanoError, match="makes no progress"):
        watching.wait(lambda: False, poll_s=0.1)
    assert clock.now < 2 * CHECK_EVERY_S


def test_a_wait_without_complaints_ends_too_and_names_the_logs(loader: Child) -> None:
    clock = Clock()
    with pytest.raises(MinuanoError, match=f"has not ended within 300 s; see {loader.log.parent}"):
        watch(loader, clock=clock).wait(lambda: False, poll_s=1)
    assert clock.now >= WITHIN_S


def test_a_job_that_is_done_is_not_waited_for(loader: Child) -> None:
    clock = Clock()
    watch(loader, clock=clock).wait(lambda: True, poll_s=1)
    assert clock.now == 0
