"""Several loaders at once: no deadlock, and the newest job stands everywhere."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Engine

from services.loader.handler import BatchHandler
from services.loader.slice_ledger import SliceLedger
from shared.domain.batches import StatsBatch
from shared.ledger.ledger import Ledger
from shared.postgres.transaction import transaction
from tests.integration.loader import (
    DAY,
    HOUR,
    ONE_DAY,
    batch,
    fetch,
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
WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def at_once(target: Engine, loads: list[list[StatsBatch]]) -> None:
    """Load each list in one transaction, `LOADERS` transactions at a time; errors are raised."""
    one: BatchHandler = loader(target)
    with ThreadPoolExecutor(LOADERS) as pool:
        for done in [pool.submit(one.load, batches) for batches in loads]:
            done.result(timeout=60)


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


def test_a_slice_across_midnight_waits_for_loaders_of_both_days(target: Engine) -> None:
    job = new_job(target, spec=sliced(2 * HOUR), timezone="Etc/GMT+1")
    straddling = batch(job, steady(7.0, 120), start=DAY + ONE_DAY - HOUR, length=2 * HOUR)
    for day in (DAY, DAY + ONE_DAY):
        with ThreadPoolExecutor(1) as pool:
            with transaction(target) as opened:
                SliceLedger.lock(opened, [batch(1, start=day + 6 * HOUR)])
                loading = pool.submit(loader(target).load, [straddling])
                wait_until(lambda: fetch(target, WAITING), what="the loader's wait")
                assert not loading.done()
            loading.result(timeout=WITHIN_S)


def test_rows_are_written_in_the_order_of_their_key(target: Engine) -> None:
    """Writers in one order can't block each other in a circle."""
    job = new_job(target, slices=3, variables=BOTH)
    loader(target).load(
        [batch(job, steady(n), steady(n), variables=BOTH, start=DAY + n * HOUR) for n in (2, 0, 1)]
    )
    written = fetch(target, "SELECT signal_id, timestamp FROM data ORDER BY ctid")
    assert written == sorted(written)
