"""The ledger: jobs are entered once, and listed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import Engine

from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.errors import Conflict, NotFound, Unavailable
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from tests.actors import TESTER
from tests.integration.ledger_jobs import (
    ASSETS,
    DAY,
    add,
    fail,
    failed,
    started,
)
from tests.integration.loader import fetch

NO_JOB = 999


@pytest.fixture
def ledger(target: Engine) -> Ledger:
    return Ledger(target)


def test_a_new_job_is_queued_and_has_what_was_requested(ledger: Ledger) -> None:
    spec = StatisticsSpec(window_s=3600, value_limits={"power": (0, 3000)})
    request = JobRequest(start=DAY, end=date(2025, 12, 7), variables=("power",), assets=ASSETS)
    job, new = ledger.add(request, spec=spec, timezone="Europe/Berlin", trace="trace-1", by=TESTER)
    assert (job.state, new, job.spec, job.timezone, job.trace) == (
        "queued", True, spec, "Europe/Berlin", "trace-1",
    )  # fmt: skip
    assert (job.first_day, job.last_day) == (DAY, date(2025, 12, 7))
    assert (job.variables, job.assets) == (("power",), ASSETS)


def test_a_later_job_has_a_higher_id(ledger: Ledger) -> None:
    assert add(ledger).id < add(ledger).id


def test_a_job_can_be_read_again(ledger: Ledger) -> None:
    job = add(ledger)
    assert ledger.job(job.id) == job


def test_a_second_request_with_the_same_key_returns_the_first_job(ledger: Ledger) -> None:
    first, second = (
        ledger.add(
            JobRequest(date=DAY),
            spec=StatisticsSpec(),
            timezone="UTC",
            trace="",
            key="k",
            by=TESTER,
        )
        for _ in range(2)
    )
    assert second == (first[0], False)


def test_concurrent_requests_with_one_key_enter_one_job(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: add(ledger, key="k").id, range(16)))
    assert len(set(jobs)) == 1


def test_a_key_of_another_request_is_a_conflict(ledger: Ledger) -> None:
    job = add(ledger, key="k")
    with pytest.raises(Conflict, match=f"job {job.id} has this idempotency key"):
        add(ledger, key="k", date=date(2025, 12, 6))


def test_without_a_key_the_same_request_is_another_job(ledger: Ledger) -> None:
    assert add(ledger).id != add(ledger).id


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger: ledger.job(NO_JOB),
        lambda ledger: ledger.cancel(NO_JOB, by=TESTER),
        lambda ledger: ledger.retry(NO_JOB, by=TESTER),
        lambda ledger: ledger.mark_started(NO_JOB, assets=[], slices_total=0),
        lambda ledger: fail(ledger, NO_JOB),
    ],
    ids=["job", "cancel", "retry", "start", "fail"],
)
def test_a_job_that_does_not_exist_is_not_found(
    ledger: Ledger, change: Callable[[Ledger], Job]
) -> None:
    with pytest.raises(NotFound, match=f"there is no job {NO_JOB}"):
        change(ledger)


def test_jobs_are_listed_newest_first_and_in_pages(ledger: Ledger) -> None:
    numbers = [add(ledger).id for _ in range(5)][::-1]
    first = [job.id for job in ledger.jobs(limit=3)]
    second = [job.id for job in ledger.jobs(limit=3, before=first[-1])]
    assert (first, second) == (numbers[:3], numbers[3:])


def test_jobs_are_listed_by_state(ledger: Ledger) -> None:
    queued, running, failed_ = add(ledger), started(ledger), failed(ledger)
    listed = {state: [job.id for job in ledger.jobs(state=state, limit=9)]
             for state in ("queued", "running", "failed", "done")}  # fmt: skip
    assert listed == {
        "queued": [queued.id], "running": [running.id], "failed": [failed_.id], "done": [],
    }  # fmt: skip


def test_a_ledger_that_does_not_answer_is_unavailable() -> None:
    nowhere = engines.connect("postgresql://me@127.0.0.1:1/none", application="test")
    with pytest.raises(Unavailable, match="PostgreSQL"):
        Ledger(nowhere).check()


def test_a_migrated_ledger_answers(target: Engine, ledger: Ledger) -> None:
    ledger.check()
    assert fetch(target, "SELECT count(*) FROM etl.job") == [(0,)]


@pytest.mark.parametrize(
    ("assets", "count", "first"),
    [
        ((), 0, ()),
        (("",), 0, ()),
        (("T01",), 1, ("T01",)),
        (("T01", "T02", "T03", "T04", "T05"), 5, ("T01", "T02", "T03", "T04")),
    ],
)
def test_a_list_has_the_number_of_assets_and_the_first_names(
    ledger: Ledger, assets: tuple[str, ...], count: int, first: tuple[str, ...]
) -> None:
    started(ledger, assets=assets)
    [job] = ledger.jobs(limit=1)
    assert (job.asset_count, job.first_assets) == (count, first)
