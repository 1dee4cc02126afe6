"""The run of a job, with a fake extractor."""

import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from dagster import DagsterExecutionInterruptedError, Failure

from services.orchestrator import job_run
from services.orchestrator.settings import days_of_keys
from shared.clients.extractor import ExtractorClient, Job
from shared.domain.actor import Actor
from shared.errors import Conflict, MinuanoError, Unavailable

DAYS = days_of_keys(["2025-12-05", "2025-12-06"])
LONG_S = 3600.0
LOG = logging.getLogger("tests.job_run")


def job(state: str, done: int = 0, **more: Any) -> Job:
    slices = {"total": 2, "done": done, "published": done, "superseded": 0}
    return {
        "id": 7, "state": state, "slices": slices, "rows": 1440 * done, "windows": 144 * done,
        "reason": None, "error": None, "note": None, "timezone": "UTC", "waiting": None,
        **more,
    }  # fmt: skip


class FakeExtractor:
    """An extractor whose job has these states, one after the other; exceptions are raised."""

    url = "http://extractor"

    def __init__(self, *states: Job | BaseException) -> None:
        self.states, self.posted, self.changed = states, list[Any](), list[str]()
        self.actors = set[Actor]()

    def post(self, request: Any, *, by: Actor, key: str) -> Job:
        self.actors.add(by)
        self.posted.append((request, key))
        if isinstance(self.states[0], MinuanoError):
            raise self.states[0]
        return job("queued", timezone=getattr(self, "timezone", "UTC"))

    def follow(self, id: int, *, timeout_s: float) -> Iterator[Job]:
        for state in self.states:
            if isinstance(state, BaseException):
                raise state
            yield state

    def change(self, id: int, verb: str, *, by: Actor) -> Job:
        self.actors.add(by)
        self.changed.append(f"{verb} {id}")
        return job("cancelled")


def run(
    extractor: FakeExtractor,
    variables: tuple[str, ...] = (),
    *,
    only_changed: bool = False,
    log_every_s: float = LONG_S,
) -> Job:
    return job_run.run_to_completion(
        cast("ExtractorClient", extractor), DAYS, zone="UTC", variables=variables,
        only_changed=only_changed, run="run", timeout_s=5, log=LOG, log_every_s=log_every_s,
    )  # fmt: skip


def failure(extractor: FakeExtractor) -> Failure:
    with pytest.raises(Failure) as caught:
        run(extractor)
    return caught.value


def test_a_range_is_one_job_with_the_runs_key() -> None:
    extractor = FakeExtractor(job("done", 2))
    assert run(extractor, variables=("power",)) == job("done", 2)
    request = {"start": "2025-12-05", "end": "2025-12-06", "variables": ["power"]}
    assert extractor.posted == [(request, "dagster:run")]
    assert extractor.changed == []


def test_a_job_may_be_for_changed_slices_only() -> None:
    extractor = FakeExtractor(job("done", 2))
    run(extractor, variables=("power",), only_changed=True)
    request = {
        "start": "2025-12-05", "end": "2025-12-06", "variables": ["power"], "only": "changed",
    }  # fmt: skip
    assert extractor.posted == [(request, "dagster:run")]


def test_progress_is_logged_when_it_changes_and_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    waiting = {"for": "the loader waits for the target", "error": "PostgreSQL: refused"}
    waits = [job("running", 1, waiting={**waiting, "tries": n}) for n in range(5)]
    states = [*[job("running")] * 5, *[job("running", 1)] * 5, *waits, job("done", 2)]
    with caplog.at_level(logging.INFO):
        run(FakeExtractor(*states), log_every_s=0)
    assert [record.getMessage() for record in caplog.records] == [
        "job 7 for 2025-12-05 to 2025-12-06: http://extractor/jobs/7",
        "job 7 is running: 0 of 2 slices loaded, 0 rows read, 0 windows",
        "job 7 is running: 1 of 2 slices loaded, 1,440 rows read, 144 windows",
        "job 7 is running: 1 of 2 slices loaded, 1,440 rows read, 144 windows; the loader waits "
        "for the target: PostgreSQL: refused",
        "job 7 is done: 2 of 2 slices loaded, 2,880 rows read, 288 windows",
    ]


def test_progress_is_logged_at_most_once_in_the_interval(caplog: pytest.LogCaptureFixture) -> None:
    states = [job("running", windows=n) for n in range(1_000)]
    with caplog.at_level(logging.INFO):
        run(FakeExtractor(*states, job("done", 2)))
    assert len(caplog.records) == 3


def test_a_failed_job_fails_the_run_with_its_reason() -> None:
    error = failure(
        FakeExtractor(job("failed", 1, reason="contract", error="a row outside the slice"))
    )
    assert error.description == "job 7 failed (contract): a row outside the slice"
    assert error.metadata["reason"].value == "contract"
    assert error.metadata["job_link"].value == "http://extractor/jobs/7"


def test_a_cancelled_job_fails_the_run() -> None:
    assert failure(FakeExtractor(job("cancelled", 1))).description == "job 7 was cancelled"


def test_a_job_that_takes_too_long_is_cancelled_and_the_run_fails() -> None:
    extractor = FakeExtractor(job("running", 1))
    error = failure(extractor)
    assert error.description == "job 7 is running after 5 s (MINUANO_DAGSTER_JOB_TIMEOUT_S)"
    assert error.metadata["reason"].value == "timeout"
    assert extractor.changed == ["cancel 7"]


@pytest.mark.parametrize("interrupt", [DagsterExecutionInterruptedError, KeyboardInterrupt])
def test_a_run_that_is_terminated_cancels_its_job(interrupt: type[BaseException]) -> None:
    extractor = FakeExtractor(job("running"), interrupt())
    with pytest.raises(interrupt):
        run(extractor)
    assert extractor.changed == ["cancel 7"]
    assert extractor.actors == {Actor("dagster", "run")}


def test_a_job_that_cannot_be_cancelled_does_not_hide_the_interrupt() -> None:
    class EndsBefore(FakeExtractor):
        def change(self, id: int, verb: str, *, by: Actor) -> Job:
            raise Conflict("job 7 is done")

    with pytest.raises(KeyboardInterrupt):
        run(EndsBefore(job("running"), KeyboardInterrupt()))


def test_a_refused_job_is_a_failure() -> None:
    assert (
        failure(FakeExtractor(MinuanoError("422"))).description
        == "the extractor refused the job: 422"
    )


@pytest.mark.parametrize(
    "states", [[Unavailable("no answer")], [job("running"), Unavailable("no answer")]]
)
def test_an_outage_does_not_cancel_the_job(states: list[Any]) -> None:
    extractor = FakeExtractor(*states)
    with pytest.raises(Unavailable):
        run(extractor)
    assert extractor.changed == []


def test_a_job_of_another_time_zone_is_cancelled() -> None:
    extractor = FakeExtractor(job("done", 2))
    extractor.timezone = "Europe/Berlin"  # type: ignore[attr-defined]
    assert "MINUANO_SOURCE_TIMEZONE" in str(failure(extractor).description)
    assert extractor.changed == ["cancel 7"]
