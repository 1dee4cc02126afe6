"""The ledger: jobs go in once, their states follow from their slices, and what is decided stays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from shared.domain.batches import Slice
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.errors import Conflict, NotFound, Unavailable
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from tests.integration.loader import batch, fetch, loader

DAY = date(2025, 12, 5)
ASSETS = ("T01", "T02")
NOBODY = 999


@pytest.fixture
def ledger(target: Engine) -> Ledger:
    return Ledger(target)


def add(ledger: Ledger, *, key: str | None = None, **asked: Any) -> Job:
    request = JobRequest(**(asked or {"date": DAY}))
    return ledger.add(request, spec=StatisticsSpec(), timezone="UTC", trace="trace-1", key=key)[0]


def started(ledger: Ledger, *, assets: tuple[str, ...] = ASSETS, **asked: Any) -> Job:
    """A job that consists of a slice a day and asset."""
    job = add(ledger, **asked)
    return ledger.mark_started(job.id, assets=assets, slices_total=len(assets) * len(job.days))


def load(target: Engine, part: Slice) -> None:
    """Load the slice as the loader does, with no samples in it."""
    stats = batch(
        part.job, variables=part.variables, start=part.start, length=part.end - part.start,
        asset=part.asset, spec=part.spec,
    )  # fmt: skip
    loader(target, template="{asset}_{variable}_{statistic}_{window}").load([stats])


def fail(ledger: Ledger, id: int, reason: str = "contract") -> Job:
    return ledger.fail(id, reason=reason, error=f"the {reason} broke")


def aged(target: Engine, hours: int) -> None:
    """Let everything have happened so long ago."""
    with target.begin() as connection:
        for table, columns in {
            "etl.job": ("created_at", "started_at"), "etl.slice": ("published_at", "loaded_at"),
        }.items():  # fmt: skip
            shifted = ", ".join(f"{c} = {c} - make_interval(hours => :hours)" for c in columns)
            connection.execute(text(f"UPDATE {table} SET {shifted}"), {"hours": hours})


def test_a_new_job_is_queued_and_holds_what_was_asked_for(ledger: Ledger) -> None:
    spec = StatisticsSpec(window_s=3600, value_limits={"power": (0, 3000)})
    request = JobRequest(start=DAY, end=date(2025, 12, 7), variables=("power",), assets=ASSETS)
    job, new = ledger.add(request, spec=spec, timezone="Europe/Berlin", trace="trace-1")
    assert (job.state, new, job.spec, job.timezone, job.trace) == (
        "queued", True, spec, "Europe/Berlin", "trace-1",
    )  # fmt: skip
    assert (job.first_day, job.last_day) == (DAY, date(2025, 12, 7))
    assert (job.variables, job.assets) == (("power",), ASSETS)


def test_a_later_job_has_a_higher_number(ledger: Ledger) -> None:
    assert add(ledger).id < add(ledger).id


def test_a_job_can_be_read_again(ledger: Ledger) -> None:
    job = add(ledger)
    assert ledger.job(job.id) == job


def test_a_key_makes_the_second_request_the_first_job(ledger: Ledger) -> None:
    first, second = (
        ledger.add(JobRequest(date=DAY), spec=StatisticsSpec(), timezone="UTC", trace="", key="k")
        for _ in range(2)
    )
    assert second == (first[0], False)


def test_a_key_means_one_job_for_many_at_once(ledger: Ledger) -> None:
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
        lambda ledger: ledger.job(NOBODY),
        lambda ledger: ledger.cancel(NOBODY),
        lambda ledger: ledger.retry(NOBODY),
        lambda ledger: ledger.mark_started(NOBODY, assets=[], slices_total=0),
        lambda ledger: fail(ledger, NOBODY),
    ],
    ids=["job", "cancel", "retry", "start", "fail"],
)
def test_a_job_that_is_not_there_is_not_found(
    ledger: Ledger, change: Callable[[Ledger], Job]
) -> None:
    with pytest.raises(NotFound, match=f"there is no job {NOBODY}"):
        change(ledger)


def test_starting_fixes_what_the_job_consists_of(ledger: Ledger) -> None:
    job = started(ledger)
    assert (job.state, job.assets, job.slices_total) == ("running", ASSETS, 2)


def test_the_first_start_decides(ledger: Ledger) -> None:
    job = started(ledger)
    assert ledger.mark_started(job.id, assets=["T03"], slices_total=1) == job


def test_a_job_is_done_when_each_of_its_slices_is_loaded(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    states = []
    for part in list(job.slices(job.assets)):
        load(target, part)
        states.append(ledger.job(job.id).state)
    assert states == ["running", "done"]


def test_a_slice_of_another_job_does_not_count(target: Engine, ledger: Ledger) -> None:
    job, other = started(ledger), started(ledger)
    for part in list(other.slices(other.assets)):
        load(target, part)
    assert (ledger.job(job.id).state, ledger.job(job.id).loaded) == ("running", 0)


def test_a_failure_is_recorded_with_its_reason(ledger: Ledger) -> None:
    job = fail(ledger, started(ledger).id)
    assert (job.state, job.reason, job.error) == ("failed", "contract", "the contract broke")


def test_the_first_reason_stays(ledger: Ledger) -> None:
    job = fail(ledger, started(ledger).id, "contract")
    assert fail(ledger, job.id, "schema").reason == "contract"


def test_a_cancelled_job_does_not_fail(ledger: Ledger) -> None:
    job = ledger.cancel(started(ledger).id)
    assert (fail(ledger, job.id).state, fail(ledger, job.id).reason) == ("cancelled", None)


@pytest.mark.parametrize("begin", [add, started], ids=["queued", "running"])
def test_a_job_that_has_not_ended_can_be_cancelled(
    ledger: Ledger, begin: Callable[[Ledger], Job]
) -> None:
    assert ledger.cancel(begin(ledger).id).state == "cancelled"


def cancelled(ledger: Ledger) -> Job:
    return ledger.cancel(add(ledger).id)


def failed(ledger: Ledger) -> Job:
    return fail(ledger, add(ledger).id)


def done(ledger: Ledger) -> Job:
    return started(ledger, assets=())


@pytest.mark.parametrize("end", [cancelled, failed, done])
def test_a_job_that_has_ended_cannot_be_cancelled(
    ledger: Ledger, end: Callable[[Ledger], Job]
) -> None:
    job = end(ledger)
    with pytest.raises(Conflict, match=f"job {job.id} is {job.state}; it has to be queued or runn"):
        ledger.cancel(job.id)


@pytest.mark.parametrize("begin", [add, started, done], ids=["queued", "running", "done"])
def test_only_what_failed_or_was_cancelled_can_be_retried(
    ledger: Ledger, begin: Callable[[Ledger], Job]
) -> None:
    job = begin(ledger)
    with pytest.raises(Conflict, match=f"job {job.id} is {job.state}; it has to be failed or canc"):
        ledger.retry(job.id)


@pytest.mark.parametrize("end", [cancelled, failed])
def test_a_retried_job_waits_again_under_its_number(
    ledger: Ledger, end: Callable[[Ledger], Job]
) -> None:
    job = end(ledger)
    again = ledger.retry(job.id)
    assert (again.id, again.state, again.reason, again.error) == (job.id, "queued", None, None)


def test_a_retried_job_keeps_what_it_has_loaded(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    load(target, next(job.slices(job.assets)))
    fail(ledger, job.id)
    again = ledger.retry(job.id)
    assert (again.state, again.loaded, again.assets) == ("running", 1, ASSETS)


def test_after_a_retry_a_new_reason_counts(ledger: Ledger) -> None:
    job = failed(ledger)
    ledger.retry(job.id)
    assert fail(ledger, job.id, "schema").reason == "schema"


def test_a_dead_letter_that_was_counted_before_does_not_fail_the_job_again(ledger: Ledger) -> None:
    job = add(ledger)
    for letter in ("1000-9", "1000-10"):
        ledger.fail_for_dead_letter(job.id, letter=letter, reason="schema", error=letter)
    assert (ledger.job(job.id).state, ledger.job(job.id).error) == ("failed", "1000-9")
    ledger.retry(job.id)
    for letter in ("1000-9", "1000-10", "999-11"):
        assert (
            ledger.fail_for_dead_letter(job.id, letter=letter, reason="schema", error="").state
            == "queued"
        )
    assert (
        ledger.fail_for_dead_letter(job.id, letter="1001-0", reason="schema", error="").state
        == "failed"
    )


def test_a_failure_of_an_earlier_attempt_does_not_fail_the_newer_one(ledger: Ledger) -> None:
    job = failed(ledger)
    again = ledger.retry(job.id)
    assert again.attempt == job.attempt + 1
    late = ledger.fail(job.id, reason="contract", error="", attempt=job.attempt)
    assert (late.state, late.reason) == ("queued", None)
    assert ledger.fail(job.id, reason="schema", error="", attempt=2).reason == "schema"


def test_a_dead_letter_of_an_earlier_attempt_does_not_fail_the_newer_one(ledger: Ledger) -> None:
    job = failed(ledger)
    ledger.retry(job.id)
    late = ledger.fail_for_dead_letter(
        job.id, letter="1000-1", reason="schema", error="", attempt=job.attempt
    )
    assert (late.state, late.reason) == ("queued", None)
    assert ledger.fail_for_dead_letter(
        job.id, letter="1000-2", reason="schema", error="", attempt=2
    ).reason


def test_a_reopened_job_goes_on_with_its_last_attempt(ledger: Ledger) -> None:
    job = failed(ledger)
    again = ledger.reopen(job.id)
    assert (again.state, again.attempt, again.reason) == ("queued", job.attempt, None)


def test_that_a_job_is_done_is_noted_and_stays_true(target: Engine, ledger: Ledger) -> None:
    job = done(ledger)
    assert ledger.stalled(for_s=0) == set()
    with target.begin() as connection:
        noted = connection.scalar(
            text("SELECT done_at IS NOT NULL FROM etl.job WHERE id = :id"), {"id": job.id}
        )
    assert noted
    assert ledger.job(job.id).state == "done"


def test_named_assets_that_were_loaded_in_the_days_are_known(
    target: Engine, ledger: Ledger
) -> None:
    job = started(ledger)
    assert ledger.loaded_assets(job) == []
    load(target, next(job.slices(["T02"])))
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.slice SET windows = 144"))
    assert ledger.loaded_assets(job) == ["T02"]
    other = add(ledger, date="2031-01-01")
    assert ledger.loaded_assets(other) == []


def test_assets_that_were_loaded_for_the_next_day_only_are_not_among_them(
    target: Engine, ledger: Ledger
) -> None:
    job, following = started(ledger), started(ledger, date=DAY + timedelta(days=1))
    load(target, next(following.slices(["T02"])))
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.slice SET windows = 144"))
    assert ledger.loaded_assets(job) == []
    assert ledger.loaded_assets(following) == ["T02"]


def test_of_many_cancels_at_once_one_succeeds(ledger: Ledger) -> None:
    job = add(ledger)

    def cancel(_: int) -> bool:
        try:
            ledger.cancel(job.id)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(cancel, range(4))) == 1


def test_loaded_names_those_slices_that_stand_in_the_target(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    first, second = list(job.slices(job.assets))
    ledger.mark_published([first, second])
    load(target, second)
    assert ledger.loaded_slices(job.id, [first, second]) == {second.identity}


def test_loaded_says_nothing_about_slices_that_were_not_asked_for(
    target: Engine, ledger: Ledger
) -> None:
    job = started(ledger)
    first, second = list(job.slices(job.assets))
    load(target, second)
    assert ledger.loaded_slices(job.id, [first]) == set()


def test_published_slices_are_counted_once(ledger: Ledger) -> None:
    job = started(ledger)
    for _ in range(2):
        ledger.mark_published(list(job.slices(job.assets)))
    assert ledger.job(job.id).published == 2


def test_publishing_again_leaves_what_was_loaded(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    load(target, next(job.slices(job.assets)))
    ledger.mark_published(list(job.slices(job.assets)))
    assert (ledger.job(job.id).loaded, ledger.job(job.id).published) == (1, 2)


def test_many_publish_the_same_slices_at_once_and_none_waits_in_a_circle(ledger: Ledger) -> None:
    job = started(ledger, assets=tuple(f"T{n:02d}" for n in range(40)))
    slices = list(job.slices(job.assets))
    orders = [slices, slices[::-1]] * 4
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ledger.mark_published, orders))
    assert ledger.job(job.id).published == 40


def test_what_moved_lately_does_not_stand_still(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    aged(target, hours=2)
    ledger.mark_published(list(job.slices(job.assets))[:1])
    assert ledger.stalled(for_s=3600) == set()


def test_a_job_that_has_not_moved_for_so_long_stands_still(target: Engine, ledger: Ledger) -> None:
    waiting, running = add(ledger), started(ledger)
    ledger.mark_published(list(running.slices(running.assets))[:1])
    aged(target, hours=2)
    assert ledger.stalled(for_s=3600) == {waiting.id, running.id}


def test_a_new_job_does_not_stand_still(ledger: Ledger) -> None:
    add(ledger)
    assert ledger.stalled(for_s=3600) == set()


@pytest.mark.parametrize("end", [cancelled, failed, done])
def test_what_has_ended_does_not_stand_still(
    target: Engine, ledger: Ledger, end: Callable[[Ledger], Job]
) -> None:
    end(ledger)
    aged(target, hours=2)
    assert ledger.stalled(for_s=3600) == set()


def test_jobs_come_newest_first_and_in_pages(ledger: Ledger) -> None:
    numbers = [add(ledger).id for _ in range(5)][::-1]
    first = [job.id for job in ledger.jobs(limit=3)]
    second = [job.id for job in ledger.jobs(limit=3, before=first[-1])]
    assert (first, second) == (numbers[:3], numbers[3:])


def test_jobs_of_one_state(ledger: Ledger) -> None:
    waiting, running, broken = add(ledger), started(ledger), failed(ledger)
    found = {state: [job.id for job in ledger.jobs(state=state, limit=9)]
             for state in ("queued", "running", "failed", "done")}  # fmt: skip
    assert found == {
        "queued": [waiting.id], "running": [running.id], "failed": [broken.id], "done": [],
    }  # fmt: skip


def test_the_slices_of_a_job_are_each_day_of_each_asset(ledger: Ledger) -> None:
    job = started(ledger, start=DAY, end=date(2025, 12, 6))
    midnight = datetime(2025, 12, 5, tzinfo=UTC)
    expected = [
        (asset, midnight + timedelta(days=n)) for asset in ASSETS for n in range(2)
    ]  # fmt: skip
    assert [(part.asset, part.start) for part in list(job.slices(job.assets))] == expected


def test_the_ledger_says_when_it_does_not_answer() -> None:
    nowhere = engines.connect("postgresql://me@127.0.0.1:1/none", application="test")
    with pytest.raises(Unavailable, match="PostgreSQL"):
        Ledger(nowhere).check()


def test_the_ledger_answers_where_it_was_migrated(target: Engine, ledger: Ledger) -> None:
    ledger.check()
    assert fetch(target, "SELECT count(*) FROM etl.job") == [(0,)]
