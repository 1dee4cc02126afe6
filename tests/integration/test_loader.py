"""A slice replaces what stood in its windows, and says in the ledger that it has."""

import math

import pytest
from sqlalchemy import Engine, event

from shared.domain.quality_flags import Flag
from shared.errors import InvalidInput
from shared.ledger.ledger import Ledger
from tests.actors import TESTER
from tests.integration.loader import (
    DAY,
    HOUR,
    batch,
    entry,
    fetch,
    loader,
    means,
    new_job,
    quality,
    sliced,
    steady,
    versions,
)

EMPTY = (0, int(Flag.INCOMPLETE))


def test_every_window_and_statistic_of_a_slice_is_written(target: Engine) -> None:
    loader(target).load([batch(new_job(target), steady(7.0))])
    assert means(target) == dict.fromkeys(range(0, 60, 10), 7.0)
    first = fetch(
        target,
        "SELECT value, min_value, max_value, std_value FROM signal_data ORDER BY timestamp LIMIT 1",
    )
    assert first == [(7.0, 6.0, 8.0, pytest.approx(math.sqrt(10 / 9)))]


def test_an_entry_of_the_stream_is_loaded(target: Engine) -> None:
    assert loader(target)([entry(batch(new_job(target), steady(7.0)))]) == []
    assert len(means(target)) == 6


def test_the_ledger_counts_what_a_slice_has(target: Engine) -> None:
    job = new_job(target)
    loader(target).load([batch(job, steady(7.0, minutes=25))])
    found = Ledger(target).job(job)
    assert (found.state, found.rows, found.windows) == ("done", 25, 3)
    assert (found.present, found.expected, found.superseded) == (25, 60, 0)


def test_the_ledger_counts_the_samples_of_all_variables_and_the_windows_of_any(
    target: Engine,
) -> None:
    both = ("wind_speed", "power")
    job = new_job(target, variables=both)
    speeds, powers = steady(7.0, minutes=25), [None] * 10 + steady(500.0, minutes=15)
    loader(target).load([batch(job, speeds, powers, variables=both)])
    found = Ledger(target).job(job)
    assert (found.windows, found.present, found.expected) == (3, 40, 120)


def test_a_job_is_done_when_its_last_slice_is_loaded(target: Engine) -> None:
    job = new_job(target, slices=2)
    loader(target).load([batch(job, steady(7.0))])
    assert Ledger(target).job(job).state == "running"
    loader(target).load([batch(job, steady(7.0), start=DAY + HOUR)])
    assert Ledger(target).job(job).state == "done"


def test_windows_that_no_longer_exist_are_deleted(target: Engine) -> None:
    loader(target).load([batch(new_job(target), steady(7.0))])
    loader(target).load([batch(new_job(target), steady(7.0, minutes=20))])
    assert means(target) == {0: 7.0, 10: 7.0}


def test_a_slice_without_samples_empties_its_windows(target: Engine) -> None:
    long = new_job(target, spec=sliced(2 * HOUR))
    loader(target).load([batch(long, steady(7.0, minutes=120), length=2 * HOUR)])
    loader(target).load([batch(new_job(target))])
    assert means(target) == dict.fromkeys(range(60, 120, 10), 7.0)


def test_changed_values_are_updated_and_new_ones_inserted(target: Engine) -> None:
    loader(target).load([batch(new_job(target), steady(7.0, minutes=30))])
    loader(target).load([batch(new_job(target), [*steady(7.0, minutes=20), *steady(9.0, 40)])])
    assert means(target) == {0: 7.0, 10: 7.0, 20: 9.0, 30: 9.0, 40: 9.0, 50: 9.0}


def test_windows_outside_the_slice_are_kept(target: Engine) -> None:
    long = new_job(target, spec=sliced(3 * HOUR))
    loader(target).load([batch(long, steady(5.0, minutes=180), length=3 * HOUR)])
    loader(target).load([batch(new_job(target), steady(9.0), start=DAY + HOUR)])
    assert means(target) == {n: 9.0 if 60 <= n < 120 else 5.0 for n in range(0, 180, 10)}


def test_other_variables_and_assets_are_kept(target: Engine) -> None:
    both = ("wind_speed", "power")
    loader(target).load(
        [
            batch(new_job(target, variables=both), steady(5.0), steady(500.0), variables=both),
            batch(new_job(target), steady(5.0), asset="T01"),
        ]
    )
    loader(target).load([batch(new_job(target), steady(9.0))])
    assert set(means(target).values()) == {9.0}
    assert set(means(target, "power").values()) == {500.0}
    assert set(means(target, asset="T01").values()) == {5.0}


def test_loading_the_same_batch_again_writes_no_row(target: Engine) -> None:
    values = [*steady(7.0, minutes=30), math.nan, *steady(7.0, minutes=5)]
    loader(target).load([batch(new_job(target), values)])
    before = versions(target)
    loader(target).load([batch(new_job(target), values)])
    assert versions(target) == before


def test_only_windows_that_differ_are_written(target: Engine) -> None:
    loader(target).load([batch(new_job(target), steady(7.0))])
    before = versions(target)
    loader(target).load([batch(new_job(target), [*steady(7.0, 50), *steady(8.0, 10)])])
    assert len(set(versions(target)) - set(before)) == 3  # of the last one: mean, min and max


@pytest.mark.parametrize("together", [True, False], ids=["at once", "one by one"])
def test_a_slice_that_is_delivered_twice_counts_once(target: Engine, together: bool) -> None:
    job = new_job(target)
    stats = batch(job, steady(7.0))
    for batches in [[stats, stats]] if together else [[stats], [stats]]:
        loader(target).load(batches)
    found = Ledger(target).job(job)
    assert (found.loaded, found.rows, found.windows) == (1, 60, 6)
    assert len(means(target)) == 6


def test_a_slice_that_the_ledger_has_as_published_is_loaded(target: Engine) -> None:
    job = new_job(target)
    stats = batch(job, steady(7.0))
    Ledger(target).mark_published([stats.slices[0]])
    loader(target).load([stats])
    assert (Ledger(target).job(job).state, len(means(target))) == ("done", 6)


def test_a_late_repetition_does_not_undo_what_a_newer_job_has_loaded(target: Engine) -> None:
    job = new_job(target)
    first = batch(job, steady(5.0))
    loader(target).load([first])
    loader(target).load([batch(new_job(target), steady(9.0))])
    loader(target).load([first])
    assert set(means(target).values()) == {9.0}
    assert Ledger(target).job(job).superseded == 0  # it was there in its time


def test_a_slice_of_a_cancelled_job_is_left_out(target: Engine) -> None:
    cancelled, other = new_job(target), new_job(target)
    Ledger(target).cancel(cancelled, by=TESTER)
    loader(target).load([batch(cancelled, steady(5.0)), batch(other, steady(9.0), asset="T01")])
    assert (means(target), Ledger(target).job(cancelled).loaded) == ({}, 0)
    assert Ledger(target).job(other).state == "done"


def test_a_slice_of_an_unknown_job_is_rejected(target: Engine) -> None:
    with pytest.raises(InvalidInput, match="no job 4711") as error:
        loader(target).load([batch(new_job(target), steady(5.0)), batch(4711, steady(5.0))])
    assert error.value.reason == "unknown_job"
    assert means(target) == {}


def test_windows_with_flags_or_wrong_counts_have_quality_rows(target: Engine) -> None:
    values: list[float | None] = [*steady(7.0, 10), math.inf, *steady(7.0, 14)]
    loader(target).load([batch(new_job(target), values)])
    not_finite = int(Flag.INCOMPLETE | Flag.NON_FINITE)
    assert quality(target) == {
        10: (9, not_finite), 20: (5, int(Flag.INCOMPLETE)), 30: EMPTY, 40: EMPTY, 50: EMPTY,
    }  # fmt: skip


def test_quality_rows_are_replaced_with_their_windows(target: Engine) -> None:
    loader(target).load([batch(new_job(target), steady(7.0, 5))])
    loader(target).load([batch(new_job(target), [*steady(7.0, 30), None, *steady(7.0, 29)])])
    assert quality(target) == {30: (9, int(Flag.INCOMPLETE))}
    loader(target).load([batch(new_job(target), steady(7.0))])
    assert quality(target) == {}


def test_quality_rows_outside_the_slice_are_kept(target: Engine) -> None:
    long = new_job(target, spec=sliced(3 * HOUR))
    loader(target).load([batch(long, length=3 * HOUR)])
    loader(target).load([batch(new_job(target), steady(7.0), start=DAY + HOUR)])
    assert quality(target) == dict.fromkeys([*range(0, 60, 10), *range(120, 180, 10)], EMPTY)


def test_quality_rows_of_other_variables_and_assets_are_kept(target: Engine) -> None:
    loader(target).load(
        [
            batch(new_job(target), asset="T01"),
            batch(new_job(target, variables=("power",)), variables=("power",)),
        ]
    )
    before = versions(target)
    loader(target).load([batch(new_job(target), steady(7.0))])
    assert [row for row in versions(target) if row[0] == "quality"] == before


def test_quality_rows_of_another_window_length_are_kept(target: Engine) -> None:
    half_hourly = sliced(window_s=1_800)
    loader(target).load([batch(new_job(target, spec=half_hourly), spec=half_hourly)])
    loader(target).load([batch(new_job(target))])
    loader(target).load([batch(new_job(target), steady(7.0))])
    found = fetch(target, "SELECT window_s, timestamp FROM quality ORDER BY timestamp")
    assert found == [(1_800, DAY), (1_800, DAY + HOUR / 2)]


@pytest.mark.parametrize(("limit", "transactions"), [(1, 5), (24, 5), (48, 3), (120, 1)])
def test_a_transaction_holds_no_more_values_than_allowed(
    target: Engine, limit: int, transactions: int
) -> None:
    """A slice an hour has 6 windows of 4 statistics, 24 values."""
    job = new_job(target, slices=5)
    entries = [entry(batch(job, steady(7.0), start=DAY + n * HOUR)) for n in range(5)]
    loader(target, values_per_transaction=limit)(entries)
    assert fetch(target, "SELECT count(DISTINCT xmin::text) FROM etl.slice") == [(transactions,)]
    assert (Ledger(target).job(job).state, len(means(target))) == ("done", 30)


def test_many_quality_rows_are_replaced_in_one_load(target: Engine) -> None:
    """90,000 rows: comparing each with each would take longer than a test may."""
    variables = tuple(f"v{n}" for n in range(25))
    spec = sliced(HOUR, window_s=1, period_s=0.5, statistics=("mean",))
    batches = [
        batch(new_job(target, variables=variables, spec=spec), variables=variables, spec=spec)
        for _ in range(2)
    ]
    for each in batches:
        loader(target).load([each])
    assert fetch(target, "SELECT count(*) FROM quality") == [(90_000,)]


def test_the_rows_of_a_slice_are_searched_by_the_whole_primary_key(target: Engine) -> None:
    """Without statistics of the table too; otherwise each load would read whole signals."""
    sent = []
    event.listen(target, "before_cursor_execute", lambda *call: sent.append(call[2:4]))
    loader(target).load([batch(new_job(target), steady(5.0))])
    begin, values = next((text, values) for text, values in sent if "has_rows" in text)
    with target.connect() as connection:
        connection.exec_driver_sql(
            "INSERT INTO data SELECT timestamptz '2000-01-01' + n * interval '10 min', id, 0 "
            "FROM signal, generate_series(1, 5000) n"
        )
        read = begin.rpartition(";\n")[2]
        plan = connection.exec_driver_sql(f"EXPLAIN (COSTS off) {read}", values).scalars().all()
    [condition] = [line for line in plan if "signal_id = " in line]
    assert "Index Cond" in condition
    assert condition.count("timestamp") == 2
