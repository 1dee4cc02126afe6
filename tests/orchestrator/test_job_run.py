"""A job is followed to its true end, against an extractor that says what a test wants."""

import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from dagster import DagsterExecutionInterruptedError, Failure

from services.orchestrator import job_run
from services.orchestrator.settings import days_of_keys
from shared.clients.extractor import ExtractorClient, Job
from shared.errors import Conflict, MinuanoError, Unavailable

DAYS = days_of_keys(["2025-12-05", "2025-12-06"])
LONG_S = 3600.0
LOG = logging.getLogger("tests.following")


def job(state: str, done: int = 0, **more: Any) -> Job:
    slices = {"total": 2, "done": done, "published": done, "superseded": 0}
    return {
        "id": 7, "state": state, "slices": slices, "rows": 1440 * done, "windows": 144 * done,
        "reason": None, "error": None, "note": None, "timezone": "UTC", **more,
    }  # fmt: skip


class Says:
    """An extractor whose job goes through these states; an exception is raised in its turn."""

    url = "http://extractor"

    def __init__(self, *turns: Job | BaseException) -> None:
        self.turns, self.posted, self.changed = turns, list[Any](), list[str]()

    def post(self, request: Any, *, key: str) -> Job:
        self.posted.append((request, key))
        if isinstance(self.turns[0], MinuanoError):
            raise self.turns[0]
        return job("queued", timezone=getattr(self, "timezone", "UTC"))

    def follow(self, id: int, *, timeout_s: float) -> Iterator[Job]:
        for turn in self.turns:
            if isinstance(turn, BaseException):
                raise turn
            yield turn

    def change(self, id: int, verb: str) -> Job:
        self.changed.append(f"{verb} {id}")
        return job("cancelled")


def follow(extractor: Says, variables: tuple[str, ...] = (), *, say_every_s: float = LONG_S) -> Job:
    return job_run.run_to_completion(
        cast("ExtractorClient", extractor), DAYS, zone="UTC", variables=variables,
        key="dagster:run", timeout_s=5, log=LOG, say_every_s=say_every_s,
    )  # fmt: skip


def failure(extractor: Says) -> Failure:
    with pytest.raises(Failure) as caught:
        follow(extractor)
    return caught.value


def test_a_range_is_one_job_with_the_runs_key() -> None:
    extractor = Says(job("done", 2))
    assert follow(extractor, variables=("power",)) == job("done", 2)
    request = {"start": "2025-12-05", "end": "2025-12-06", "variables": ["power"]}
    assert extractor.posted == [(request, "dagster:run")]
    assert extractor.changed == []


def test_progress_is_told_when_it_changes_and_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns = [*[job("running")] * 5, *[job("running", 1)] * 5, job("done", 2)]
    with caplog.at_level(logging.INFO):
        follow(Says(*turns), say_every_s=0)
    assert [record.getMessage() for record in caplog.records] == [
        "job 7 for 2025-12-05 to 2025-12-06: http://extractor/jobs/7",
        "job 7 is running: 0 of 2 slices loaded, 0 rows read, 0 windows",
        "job 7 is running: 1 of 2 slices loaded, 1,440 rows read, 144 windows",
        "job 7 is done: 2 of 2 slices loaded, 2,880 rows read, 288 windows",
    ]


def test_progress_is_told_no_more_often_than_it_may(caplog: pytest.LogCaptureFixture) -> None:
    turns = [job("running", windows=n) for n in range(1_000)]
    with caplog.at_level(logging.INFO):
        follow(Says(*turns, job("done", 2)))
    assert len(caplog.records) == 3


def test_a_failed_job_fails_the_run_with_its_reason() -> None:
    found = failure(Says(job("failed", 1, reason="contract", error="a row outside the slice")))
    assert found.description == "job 7 failed (contract): a row outside the slice"
    assert found.metadata["reason"].value == "contract"
    assert found.metadata["job_link"].value == "http://extractor/jobs/7"


def test_a_job_that_somebody_cancels_fails_the_run() -> None:
    assert failure(Says(job("cancelled", 1))).description == "job 7 was cancelled"


def test_a_job_that_takes_too_long_is_cancelled_and_the_run_fails() -> None:
    extractor = Says(job("running", 1))
    found = failure(extractor)
    assert found.description == "job 7 is running after 5 s (MINUANO_DAGSTER_JOB_TIMEOUT_S)"
    assert found.metadata["reason"].value == "timeout"
    assert extractor.changed == ["cancel 7"]


@pytest.mark.parametrize("interrupt", [DagsterExecutionInterruptedError, KeyboardInterrupt])
def test_a_run_that_is_terminated_cancels_its_job(interrupt: type[BaseException]) -> None:
    extractor = Says(job("running"), interrupt())
    with pytest.raises(interrupt):
        follow(extractor)
    assert extractor.changed == ["cancel 7"]


def test_a_job_that_ends_before_it_is_cancelled_does_not_hide_the_termination() -> None:
    class EndsBefore(Says):
        def change(self, id: int, verb: str) -> Job:
            raise Conflict("job 7 is done")

    with pytest.raises(KeyboardInterrupt):
        follow(EndsBefore(job("running"), KeyboardInterrupt()))


def test_a_job_that_is_refused_is_a_failure() -> None:
    assert failure(Says(MinuanoError("422"))).description == "no job was asked for: 422"


@pytest.mark.parametrize("turns", [[Unavailable("away")], [job("running"), Unavailable("away")]])
def test_an_outage_leaves_the_job_to_the_next_attempt(turns: list[Any]) -> None:
    extractor = Says(*turns)
    with pytest.raises(Unavailable):
        follow(extractor)
    assert extractor.changed == []


def test_days_of_another_zone_are_not_taken_for_ours() -> None:
    extractor = Says(job("done", 2))
    extractor.timezone = "Europe/Berlin"  # type: ignore[attr-defined]
    assert "MINUANO_SOURCE_TIMEZONE" in str(failure(extractor).description)
    assert extractor.changed == ["cancel 7"]
