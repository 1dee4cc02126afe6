"""The ledger: the states of a job, from its start to its end, and after a retry."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from shared.domain.job import Job
from shared.errors import Conflict
from shared.ledger.ledger import MAX_DEAD_LETTERS, Ledger
from tests.actors import TESTER
from tests.integration.ledger_jobs import (
    ASSETS,
    add,
    cancelled,
    done,
    fail,
    failed,
    load,
    slices_of,
    started,
)


@pytest.fixture
def ledger(target: Engine) -> Ledger:
    return Ledger(target)


def test_starting_records_assets_and_number_of_slices(ledger: Ledger) -> None:
    job = started(ledger)
    assert (job.state, job.assets, job.slices_total) == ("running", ASSETS, 2)


def test_only_the_first_start_counts(ledger: Ledger) -> None:
    job = started(ledger)
    assert ledger.mark_started(job.id, assets=["T03"], slices_total=1) == job


def test_a_job_is_done_when_each_of_its_slices_is_loaded(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    states = []
    for slice_ in slices_of(job):
        load(target, slice_)
        states.append(ledger.job(job.id).state)
    assert states == ["running", "done"]


def test_a_slice_of_another_job_does_not_count(target: Engine, ledger: Ledger) -> None:
    job, other = started(ledger), started(ledger)
    for slice_ in slices_of(other):
        load(target, slice_)
    assert (ledger.job(job.id).state, ledger.job(job.id).loaded) == ("running", 0)


def test_a_failure_is_recorded_with_its_reason(ledger: Ledger) -> None:
    job = fail(ledger, started(ledger).id)
    assert (job.state, job.reason, job.error) == ("failed", "contract", "the contract broke")


def test_the_first_reason_is_kept(ledger: Ledger) -> None:
    job = fail(ledger, started(ledger).id, "contract")
    assert fail(ledger, job.id, "schema").reason == "contract"


def test_a_cancelled_job_does_not_fail(ledger: Ledger) -> None:
    job = ledger.cancel(started(ledger).id, by=TESTER)
    assert (fail(ledger, job.id).state, fail(ledger, job.id).reason) == ("cancelled", None)


@pytest.mark.parametrize("begin", [add, started], ids=["queued", "running"])
def test_a_job_that_has_not_ended_can_be_cancelled(
    ledger: Ledger, begin: Callable[[Ledger], Job]
) -> None:
    assert ledger.cancel(begin(ledger).id, by=TESTER).state == "cancelled"


@pytest.mark.parametrize("end", [cancelled, failed, done])
def test_a_job_that_has_ended_cannot_be_cancelled(
    ledger: Ledger, end: Callable[[Ledger], Job]
) -> None:
    job = end(ledger)
    with pytest.raises(
        Conflict, match=f"job {job.id} is {job.state}; it must be queued or running"
    ):
        ledger.cancel(job.id, by=TESTER)


def test_one_of_many_concurrent_cancels_succeeds(ledger: Ledger) -> None:
    job = add(ledger)

    def cancel(_: int) -> bool:
        try:
            ledger.cancel(job.id, by=TESTER)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(cancel, range(4))) == 1


@pytest.mark.parametrize("begin", [add, started, done], ids=["queued", "running", "done"])
def test_only_failed_and_cancelled_jobs_can_be_retried(
    ledger: Ledger, begin: Callable[[Ledger], Job]
) -> None:
    job = begin(ledger)
    with pytest.raises(
        Conflict, match=f"job {job.id} is {job.state}; it must be failed or cancelled"
    ):
        ledger.retry(job.id, by=TESTER)


@pytest.mark.parametrize("end", [cancelled, failed])
def test_a_retried_job_is_queued_and_keeps_its_id(
    ledger: Ledger, end: Callable[[Ledger], Job]
) -> None:
    job = end(ledger)
    again = ledger.retry(job.id, by=TESTER)
    assert (again.id, again.state, again.reason, again.error) == (job.id, "queued", None, None)


def test_a_retried_job_keeps_what_it_has_loaded(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    load(target, slices_of(job)[0])
    fail(ledger, job.id)
    again = ledger.retry(job.id, by=TESTER)
    assert (again.state, again.loaded, again.assets) == ("running", 1, ASSETS)


def test_after_a_retry_the_next_reason_is_recorded(ledger: Ledger) -> None:
    job = failed(ledger)
    ledger.retry(job.id, by=TESTER)
    assert fail(ledger, job.id, "schema").reason == "schema"


def test_a_dead_letter_that_was_counted_before_does_not_fail_the_job_again(ledger: Ledger) -> None:
    job = add(ledger)
    for letter in ("1000-9", "1000-10"):
        ledger.fail_for_dead_letter(job.id, letter=letter, reason="schema", error=letter)
    assert (ledger.job(job.id).state, ledger.job(job.id).error) == ("failed", "1000-9")
    ledger.retry(job.id, by=TESTER)
    for letter in ("1000-9", "1000-10"):
        assert (
            ledger.fail_for_dead_letter(job.id, letter=letter, reason="schema", error="").state
            == "queued"
        )


@pytest.mark.parametrize("letter", ["2001-0", "1999-11"])
def test_another_dead_letter_fails_the_job_also_if_its_id_is_lower(
    ledger: Ledger, letter: str
) -> None:
    """The clock of Redis went back, and Redis lost its data."""
    job = add(ledger)
    ledger.fail_for_dead_letter(job.id, letter="2000-9", reason="schema", error="")
    ledger.retry(job.id, by=TESTER)
    again = ledger.fail_for_dead_letter(job.id, letter=letter, reason="crash", error="")
    assert (again.state, again.reason) == ("failed", "crash")


def test_only_the_last_dead_letters_are_remembered(target: Engine, ledger: Ledger) -> None:
    job = add(ledger)
    for n in range(MAX_DEAD_LETTERS + 2):
        ledger.fail_for_dead_letter(job.id, letter=f"1000-{n}", reason="schema", error="")
    with target.connect() as connection:
        letters = connection.scalar(text("SELECT dead_letters FROM etl.job"))
    assert letters == [f"1000-{n}" for n in range(2, MAX_DEAD_LETTERS + 2)]


def test_a_failure_of_an_earlier_attempt_does_not_fail_the_newer_one(ledger: Ledger) -> None:
    job = failed(ledger)
    again = ledger.retry(job.id, by=TESTER)
    assert again.attempt == job.attempt + 1
    late = ledger.fail(job.id, reason="contract", error="", attempt=job.attempt)
    assert (late.state, late.reason) == ("queued", None)
    assert ledger.fail(job.id, reason="schema", error="", attempt=2).reason == "schema"


def test_a_dead_letter_of_an_earlier_attempt_does_not_fail_the_newer_one(ledger: Ledger) -> None:
    job = failed(ledger)
    ledger.retry(job.id, by=TESTER)
    late = ledger.fail_for_dead_letter(
        job.id, letter="1000-1", reason="schema", error="", attempt=job.attempt
    )
    assert (late.state, late.reason) == ("queued", None)
    assert ledger.fail_for_dead_letter(
        job.id, letter="1000-2", reason="schema", error="", attempt=2
    ).reason


def test_a_reopened_job_continues_its_last_attempt(ledger: Ledger) -> None:
    job = failed(ledger)
    again = ledger.reopen(job.id)
    assert (again.state, again.attempt, again.reason) == ("queued", job.attempt, None)
