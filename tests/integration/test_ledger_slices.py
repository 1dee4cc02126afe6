"""The ledger: published, loaded and missing slices, and open jobs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from shared.domain.job import Job
from shared.ledger.ledger import Ledger
from shared.ledger.open_jobs import OpenJobs
from tests.integration.ledger_jobs import (
    ASSETS,
    DAY,
    add,
    cancelled,
    done,
    failed,
    load,
    slices_of,
    started,
)


@pytest.fixture
def ledger(target: Engine) -> Ledger:
    return Ledger(target)


def test_a_job_has_a_slice_for_each_day_of_each_asset(ledger: Ledger) -> None:
    job = started(ledger, start=DAY, end=date(2025, 12, 6))
    midnight = datetime(2025, 12, 5, tzinfo=UTC)
    expected = [
        (asset, midnight + timedelta(days=n)) for asset in ASSETS for n in range(2)
    ]  # fmt: skip
    assert [(slice_.asset, slice_.start) for slice_ in slices_of(job)] == expected


def test_loaded_assets_are_those_with_windows_on_days_of_the_job(
    target: Engine, ledger: Ledger
) -> None:
    job = started(ledger)
    assert ledger.loaded_assets(job) == []
    load(target, slices_of(job, "T02")[0])
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.slice SET windows = 144"))
    assert ledger.loaded_assets(job) == ["T02"]
    other = add(ledger, date="2031-01-01")
    assert ledger.loaded_assets(other) == []


def test_assets_loaded_on_the_next_day_only_are_left_out(target: Engine, ledger: Ledger) -> None:
    job, next_day = started(ledger), started(ledger, date=DAY + timedelta(days=1))
    load(target, slices_of(next_day, "T02")[0])
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.slice SET windows = 144"))
    assert ledger.loaded_assets(job) == []
    assert ledger.loaded_assets(next_day) == ["T02"]


def test_loaded_slices_are_those_loaded_into_the_target(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    first, second = slices_of(job)
    ledger.mark_published([first, second])
    load(target, second)
    assert ledger.loaded_slices(job.id, [first, second]) == {second.identity}


def test_only_the_given_slices_are_looked_up(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    first, second = slices_of(job)
    load(target, second)
    assert ledger.loaded_slices(job.id, [first]) == set()


def test_published_slices_are_counted_once(ledger: Ledger) -> None:
    job = started(ledger)
    for _ in range(2):
        ledger.mark_published(slices_of(job))
    assert ledger.job(job.id).published == 2


def test_publishing_again_keeps_loaded_slices(target: Engine, ledger: Ledger) -> None:
    job = started(ledger)
    load(target, slices_of(job)[0])
    ledger.mark_published(slices_of(job))
    assert (ledger.job(job.id).loaded, ledger.job(job.id).published) == (1, 2)


def test_concurrent_publishers_of_the_same_slices_do_not_deadlock(ledger: Ledger) -> None:
    job = started(ledger, assets=tuple(f"T{n:02d}" for n in range(40)))
    slices = slices_of(job)
    orders = [slices, slices[::-1]] * 4
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ledger.mark_published, orders))
    assert ledger.job(job.id).published == 40


def test_a_publication_is_progress(target: Engine, ledger: Ledger) -> None:
    """Also of slices that were published before."""
    job, open_jobs = started(ledger), OpenJobs(target)
    seen = []
    for _ in range(2):
        ledger.mark_published(slices_of(job))
        seen.append(open_jobs.progress()[job.id])
    assert (seen[0].published, seen[1].published) == (2, 2)
    assert seen[0] != seen[1]


def test_jobs_that_have_not_ended_are_open(target: Engine, ledger: Ledger) -> None:
    queued, running = add(ledger), started(ledger)
    progress = OpenJobs(target).progress()
    assert {id: job.state for id, job in progress.items()} == {
        queued.id: "queued", running.id: "running",
    }  # fmt: skip


@pytest.mark.parametrize("end", [cancelled, failed, done])
def test_a_job_that_has_ended_is_not_open(
    target: Engine, ledger: Ledger, end: Callable[[Ledger], Job]
) -> None:
    end(ledger)
    assert OpenJobs(target).progress() == {}


def test_a_job_that_is_done_is_marked_and_stays_done(target: Engine, ledger: Ledger) -> None:
    job = done(ledger)
    assert OpenJobs(target).progress() == {}
    with target.begin() as connection:
        is_marked = connection.scalar(
            text("SELECT done_at IS NOT NULL FROM etl.job WHERE id = :id"), {"id": job.id}
        )
    assert is_marked
    assert ledger.job(job.id).state == "done"
