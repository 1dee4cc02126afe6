"""A number names a job of one ledger only, and of a job only the newest attempt is loaded."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from services.loader.handler import BatchHandler
from services.loader.target_writer import TargetWriter
from shared.domain.batches import StatsBatch
from shared.errors import Unavailable
from shared.ledger.ledger import Ledger
from shared.streams.entries import Entry
from tests.actors import TESTER
from tests.fuzz.valid_entries import as_previous_version
from tests.integration.loader import (
    DAY,
    HOUR,
    TRACE,
    batch,
    loader,
    means,
    new_job,
    of_ledger,
    steady,
)
from tests.unit.wire import wire

OTHER_LEDGER = "0b2f4a51-8a52-4c46-9d52-3c7d0a5ff0aa"
UNKNOWN = 4711


def of_attempt(stats: StatsBatch, attempt: int) -> StatsBatch:
    return replace(stats, slices=tuple(replace(s, attempt=attempt) for s in stats.slices))


def test_a_batch_of_another_ledger_is_left_out(target: Engine) -> None:
    job = new_job(target)
    foreign = [of_ledger(batch(id, steady(5.0)), OTHER_LEDGER) for id in (job, UNKNOWN)]
    loader(target).load([*foreign, batch(job, steady(9.0))])
    assert set(means(target).values()) == {9.0}
    assert Ledger(target).job(job).state == "done"


def test_an_entry_that_names_no_ledger_is_left_out(target: Engine) -> None:
    job = new_job(target)
    entry = Entry("1-1", as_previous_version(wire(batch(job, steady(5.0)))))
    handler = BatchHandler(
        target, signal_name="{variable}_{statistic}", units={}, values_per_transaction=10_000,
        slices_per_transaction=1,
    )  # fmt: skip
    handler([entry])
    assert (means(target), Ledger(target).job(job).loaded) == ({}, 0)


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_batch_of_another_attempt_is_left_out(target: Engine, attempt: int) -> None:
    job, ledger = new_job(target), Ledger(target)
    ledger.cancel(job, by=TESTER)
    ledger.retry(job, by=TESTER, trace=TRACE)
    loader(target).load([of_attempt(batch(job, steady(5.0)), attempt)])
    assert (means(target), ledger.job(job).loaded) == ({}, 0)
    loader(target).load([of_attempt(batch(job, steady(9.0)), 2)])
    assert set(means(target).values()) == {9.0}


def test_a_batch_of_another_job_that_had_the_number_is_left_out(target: Engine) -> None:
    job = new_job(target)
    stats = batch(job, steady(5.0))
    before = replace(stats, slices=tuple(replace(s, trace="trace-0") for s in stats.slices))
    loader(target).load([before])
    assert (means(target), Ledger(target).job(job).loaded) == ({}, 0)


def test_a_batch_of_an_attempt_that_a_restore_has_lost_is_left_out(target: Engine) -> None:
    job, ledger = new_job(target), Ledger(target)
    ledger.cancel(job, by=TESTER)
    lost = [of_attempt(batch(job, steady(5.0)), 2)]
    again = ledger.retry(job, by=TESTER)
    loader(target).load(lost)
    assert (again.attempt, means(target), ledger.job(job).loaded) == (2, {}, 0)


def cancel(ledger: Ledger, job: int) -> None:
    ledger.cancel(job, by=TESTER)


def cancel_and_retry(ledger: Ledger, job: int) -> None:
    ledger.cancel(job, by=TESTER)
    ledger.retry(job, by=TESTER)


@pytest.mark.parametrize("change", [cancel, cancel_and_retry])
def test_after_the_answer_to_a_cancel_nothing_of_the_job_is_committed(
    target: Engine, monkeypatch: pytest.MonkeyPatch, change: Callable[[Ledger, int], None]
) -> None:
    job, other, ledger = new_job(target), new_job(target), Ledger(target)
    replace_data = TargetWriter.replace_data
    changes = [change]

    def change_meanwhile(self: TargetWriter, *args: object) -> None:
        while changes:
            changes.pop()(ledger, job)
        replace_data(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(TargetWriter, "replace_data", change_meanwhile)
    batches = [batch(job, steady(5.0)), batch(other, steady(9.0), start=DAY + HOUR)]
    with pytest.raises(Unavailable, match=f"job {job} was cancelled or retried meanwhile"):
        loader(target).load(batches)
    assert means(target) == {}
    loader(target).load(batches)  # as the consumer does
    assert set(means(target).values()) == {9.0}
    assert (ledger.job(job).loaded, ledger.job(other).state) == (0, "done")


def test_a_copy_of_the_database_is_another_ledger(target: Engine) -> None:
    first = Ledger(target).identity()
    with target.begin() as connection:
        connection.execute(text("CREATE TABLE etl.copy (LIKE etl.ledger INCLUDING ALL)"))
        connection.execute(text("INSERT INTO etl.copy SELECT * FROM etl.ledger"))
        connection.execute(text("ALTER TABLE etl.ledger RENAME TO dumped"))
        connection.execute(text("ALTER TABLE etl.copy RENAME TO ledger"))
    try:
        restored = Ledger(target).identity()
    finally:
        with target.begin() as connection:
            connection.execute(text("DROP TABLE etl.ledger"))
            connection.execute(text("ALTER TABLE etl.dumped RENAME TO ledger"))
    assert (restored.schema, Ledger(target).identity()) == (first.schema, first)
    assert restored.current != first.current
