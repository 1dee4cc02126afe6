"""What an extractor does after a restore, another size of chunks, or a cancellation meanwhile."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import Engine, text

from shared.domain.job import Job
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from tests.actors import TESTER
from tests.integration.job_handler_case import Extractor, Make, extractors, load


@pytest.fixture
def extractor_with(target: Engine, redis_settings: RedisSettings) -> Iterator[Make]:
    """Creates an extractor with these settings."""
    with extractors(target, redis_settings) as make:
        yield make


@pytest.fixture
def extractor(extractor_with: Make) -> Extractor:
    return extractor_with()


def forget_all_jobs(target: Engine) -> None:
    """As a restore of an empty ledger does: it gives the numbers of jobs again."""
    with target.begin() as connection:
        connection.execute(text("TRUNCATE etl.slice, etl.job RESTART IDENTITY"))
        connection.execute(text("UPDATE etl.ledger SET id = gen_random_uuid()"))


def test_a_number_that_a_restored_ledger_gives_again_has_the_slices_of_the_new_job(
    extractor: Extractor, target: Engine
) -> None:
    before = extractor.job(days=1)
    extractor.handle(before)
    forget_all_jobs(target)
    again = extractor.job(days=3)
    extractor.handle(again)
    assert (again.id, extractor.ledger.job(again.id).slices_total) == (before.id, 3 * 2)


def test_an_entry_of_a_chunk_that_the_job_no_longer_has_is_done(
    extractor_with: Make, target: Engine
) -> None:
    before = extractor_with(chunk_slices=1, job_parallelism=1)
    job = before.job(days=2)
    assert before.handle(job) == [1]
    load(target, job, ("T01", 1))
    assert extractor_with(chunk_slices=100).handle(job, chunk=1) == []


@pytest.mark.parametrize("retried_at", [1, 2], ids=["at once", "a little later"])
def test_a_job_that_was_cancelled_and_retried_before_it_started_is_not_done(
    extractor: Extractor, retried_at: int
) -> None:
    """It has no assets yet, and without slices it would be done."""
    ledger, job = extractor.ledger, extractor.job(days=1, only="changed")
    extractor.source.meanwhile = lambda: ledger.cancel(job.id, by=TESTER)
    mark_started, marked = Ledger.mark_started, []

    def retried_meanwhile(self: Ledger, id: int, **fields: Any) -> Job:
        marked.append(fields)
        if len(marked) == 2 == retried_at:
            ledger.retry(id, by=TESTER)
        found = mark_started(self, id, **fields)
        if len(marked) == 1 == retried_at:  # after the statement that changes nothing
            found = ledger.retry(id, by=TESTER)
        return found

    with mock.patch.object(Ledger, "mark_started", retried_meanwhile):
        extractor.handle(job)
    assert ledger.job(job.id).state in ("queued", "cancelled")
