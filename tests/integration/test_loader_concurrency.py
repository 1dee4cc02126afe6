"""Several loaders at once: no deadlock, and the newest job stands everywhere."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from services.loader import handler
from services.loader.handler import BatchHandler
from services.loader.slice_ledger import SliceLedger
from shared.domain.batches import StatsBatch
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from shared.postgres.transaction import Transaction, transaction
from shared.streams.entries import SetAside
from tests.integration.loader import (
    DAY,
    HOUR,
    ONE_DAY,
    batch,
    entry,
    fetch,
    joined,
    loader,
    means,
    new_job,
    sliced,
    steady,
)
from tests.polling import wait_until

LOADERS = 4
JOBS = 6
DAYS = 3
BOTH = ("wind_speed", "power")
WITHIN_S = 60.0


def at_once(target: Engine, loads: list[list[StatsBatch]]) -> None:
    """Load each list in one transaction, `LOADERS` transactions at a time; errors are raised."""
    one: BatchHandler = loader(target)

    def load(batches: list[StatsBatch]) -> None:
        wait_until(lambda: not one.load(batches), within_s=WITHIN_S, what="no slice left out")

    with ThreadPoolExecutor(LOADERS) as pool:
        for done in [pool.submit(load, batches) for batches in loads]:
            done.result(timeout=WITHIN_S)


def test_loaders_on_overlapping_days_neither_block_each_other_nor_lose_the_newest(
    target: Engine,
) -> None:
    rng = random.Random(4)
    loads = []
    for number in range(JOBS):
        # Slices that straddle midnight touch the days of two others.
        hours = rng.choice((-1, 0, 5))
        shift = timedelta(hours=hours)
        job = new_job(
            target, slices=DAYS, variables=BOTH, days=DAYS, spec=sliced(ONE_DAY),
            timezone=f"Etc/GMT{hours:+d}",
        )  # fmt: skip
        values = steady(number, 1_440)
        days = [
            batch(
                job, values, values, variables=BOTH, length=ONE_DAY,
                start=DAY + n * ONE_DAY + shift,
            )
            for n in rng.sample(range(DAYS), DAYS)
        ]  # fmt: skip
        loads += [days[:1], days[1:]]
    rng.shuffle(loads)
    at_once(target, loads)
    newest = JOBS - 1
    last = loads[0][0].slices[0]
    for batches in loads:
        for stats in batches:
            last = max(last, stats.slices[0], key=lambda part: part.identity)
            assert Ledger(target).job(stats.slices[0].job).state == "done"
    first_minute = int((last.start - (DAYS - 1) * ONE_DAY - DAY) / timedelta(minutes=1))
    covered = range(first_minute, first_minute + DAYS * 1_440, 10)
    for variable in BOTH:
        found = means(target, variable)
        assert {found[minute] for minute in covered} == {float(newest)}


def test_new_signals_of_several_loaders_are_added_once(target: Engine) -> None:
    loads = [[batch(new_job(target), steady(n), start=DAY + n * HOUR)] for n in range(12)]
    at_once(target, loads)
    assert means(target) == {n * 60 + m: float(n) for n in range(12) for m in range(0, 60, 10)}


def test_a_slice_that_several_loaders_have_is_loaded_once(target: Engine) -> None:
    job = new_job(target)
    at_once(target, [[batch(job, steady(7.0))] for _ in range(8)])
    found = Ledger(target).job(job)
    assert (found.loaded, found.windows, found.rows) == (1, 6, 60)


def test_a_slice_across_midnight_is_left_out_while_another_loader_works_on_one_of_its_days(
    target: Engine,
) -> None:
    job = new_job(target, spec=sliced(2 * HOUR), timezone="Etc/GMT+1")
    straddling = batch(job, steady(7.0, 120), start=DAY + ONE_DAY - HOUR, length=2 * HOUR)
    for day in (DAY, DAY + ONE_DAY):
        with transaction(target) as opened:
            SliceLedger.lock(opened, [batch(1, start=day + 6 * HOUR)])
            assert loader(target).load([straddling]) == 1
    assert means(target) == {}
    assert loader(target).load([straddling]) == 0
    assert Ledger(target).job(job).state == "done"


def test_the_other_slices_of_a_batch_are_loaded(target: Engine) -> None:
    job = new_job(target, slices=2, days=2)
    busy, free = batch(job, steady(7.0)), batch(job, steady(8.0), start=DAY + ONE_DAY)
    with transaction(target) as opened:
        SliceLedger.lock(opened, [busy])
        assert loader(target).load([joined(busy, free)]) == 1
        assert set(means(target).values()) == {8.0}
    assert loader(target).load([joined(busy, free)]) == 0
    assert set(means(target).values()) == {7.0, 8.0}


def test_entries_with_busy_slices_are_set_aside(
    target: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "BUSY_WAITS_S", (0.001,))
    job = new_job(target, slices=2, days=2)
    busy, free = batch(job, steady(7.0)), batch(job, steady(8.0), start=DAY + ONE_DAY)
    entries = [replace(entry(busy), id="1-1"), replace(entry(free), id="1-2")]
    with transaction(target) as opened:
        SliceLedger.lock(opened, [busy])
        with pytest.raises(SetAside) as aside:
            loader(target, slices_per_transaction=1)(entries)
    assert [left.id for left in aside.value.entries] == ["1-1"]
    assert Ledger(target).job(job).loaded == 1


@pytest.mark.parametrize("stands_still", ["between two statements", "while it sends rows"])
def test_a_loader_that_stands_still_holds_its_locks_no_longer_than_its_limit(
    target: Engine, stands_still: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "BUSY_WAITS_S", ())
    stats, frozen = batch(new_job(target), steady(7.0)), impatient(target)
    other = loader(frozen)

    def is_loaded() -> bool:
        try:
            other([entry(stats)])
        except SetAside:
            return False
        return True

    with transaction(frozen) as opened:
        SliceLedger.lock(opened, [stats])
        assert not is_loaded()
        if stands_still == "while it sends rows":
            stop_in_copy(opened, partial(wait_until, is_loaded, what="a free slice"))
        else:
            wait_until(is_loaded, what="a free slice")
        with pytest.raises(DBAPIError):
            opened.last("SELECT 1")
    frozen.dispose()
    assert set(means(target).values()) == {7.0}


def test_a_session_that_works_is_not_ended(target: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "BUSY_WAITS_S", ())
    stats = batch(new_job(target), steady(7.0))
    with transaction(target) as opened:
        SliceLedger.lock(opened, [stats])
        with pytest.raises(SetAside):
            loader(target)([entry(stats)])
        opened.last("SELECT 1")


def test_a_statement_of_a_transaction_has_a_bound(target: Engine) -> None:
    engine = impatient(target)
    with transaction(engine) as opened, pytest.raises(DBAPIError, match="statement timeout"):
        opened.first("SELECT pg_sleep(60)")
    engine.dispose()


def impatient(target: Engine) -> Engine:
    """An engine whose transactions wait 0.2 s for their client."""
    url = target.url.render_as_string(hide_password=False)
    return engines.connect(url, application="test", transaction_limit_s=0.2)


def stop_in_copy(opened: Transaction, until: Callable[[], object]) -> None:
    """Begin to send rows, and send none until it returns."""

    class Rows:
        def read(self, size: int) -> str:
            until()
            return ""

    driver: Any = opened.connection.connection
    with suppress(psycopg2.Error), driver.cursor() as cursor:
        cursor.copy_expert("COPY data FROM STDIN", Rows())


def test_rows_are_written_in_the_order_of_their_key(target: Engine) -> None:
    """Writers in one order can't block each other in a circle."""
    job = new_job(target, slices=3, variables=BOTH)
    loader(target).load(
        [batch(job, steady(n), steady(n), variables=BOTH, start=DAY + n * HOUR) for n in (2, 0, 1)]
    )
    written = fetch(target, "SELECT signal_id, timestamp FROM data ORDER BY ctid")
    assert written == sorted(written)
