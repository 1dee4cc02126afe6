"""Batches of many slices: each slice is loaded, left out or refused as if it were alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from shared.domain.batches import StatsBatch
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from tests.actors import TESTER
from tests.integration.loader import (
    DAY,
    HOUR,
    batch,
    entry,
    fetch,
    joined,
    loader,
    means,
    new_job,
    quality,
    sliced,
    steady,
)
from tests.integration.streaming import Rig
from tests.polling import wait_until

BOTH = ("", "T01")
HOURS = 5


def hours(job: int, *hours: int, asset: str = "", value: float = 7.0) -> list[StatsBatch]:
    """A batch for each of these hours of the day; its mean is `value` plus the hour."""
    return [batch(job, steady(value + n), start=DAY + n * HOUR, asset=asset) for n in hours]


def mean_of_hours(target: Engine, asset: str = "") -> dict[int, float]:
    """The mean of each hour; an hour has one, because all its windows have the same."""
    found = means(target, asset=asset)
    by_hour = {minute // 60: value for minute, value in found.items()}
    assert found == {60 * n + m: v for n, v in by_hour.items() for m in range(0, 60, 10)}
    return by_hour


def slices(target: Engine) -> list[tuple[object, ...]]:
    """What the ledger has of each slice, without the times."""
    return fetch(
        target,
        'SELECT job_id, asset, start, "end", variables, rows, windows, present, expected, '
        "superseded, fingerprints FROM etl.slice WHERE loaded_at IS NOT NULL ORDER BY 1, 2, 3",
    )


@pytest.fixture
def rig(redis_settings: RedisSettings) -> Iterator[Rig]:
    made = Rig(redis_settings)
    yield made
    made.stop()


def load_from_stream(target: Engine, rig: Rig, *batches: StatsBatch) -> list[StatsBatch]:
    """Load the batches with a consumer; return those of the dead letters."""
    for stats in batches:
        rig.client.xadd(rig.stream, stats.encode())
    rig.run(loader(target), halves=StatsBatch.halves, batch_size=16)
    wait_until(rig.is_empty)
    names = StatsBatch.field_names
    letters = ({k: v for k, v in letter.items() if k in names} for letter in rig.dead())
    return [StatsBatch.decode(letter) for letter in letters]


def test_a_batch_of_several_assets_and_hours_is_loaded(target: Engine) -> None:
    job = new_job(target, slices=4)
    pieces = [*hours(job, 0, 1), *hours(job, 1, 3, asset="T01", value=20.0)]
    loader(target)([entry(joined(*pieces))])
    assert mean_of_hours(target) == {0: 7.0, 1: 8.0}
    assert mean_of_hours(target, "T01") == {1: 21.0, 3: 23.0}
    assert Ledger(target).job(job).state == "done"


@pytest.mark.parametrize("sizes", [(1,) * 6, (6,), (2, 4), (5, 1), (3, 3)], ids=str)
def test_the_ledger_and_the_target_do_not_depend_on_the_size_of_a_batch(
    target: Engine, sizes: tuple[int, ...]
) -> None:
    job = new_job(target, slices=6)
    gaps = [60, 24, 0, 60, 32, 8]
    pieces = [
        batch(job, steady(n, minutes), start=DAY + n // 2 * HOUR, asset=BOTH[n % 2])
        for n, minutes in enumerate(gaps)
    ]
    left = list(pieces)
    for size in sizes:
        loader(target).load([joined(*left[:size])])
        del left[:size]
    for n, (minutes, piece) in enumerate(zip(gaps, pieces, strict=True)):
        found = next(s for s in slices(target) if s[1:3] == (BOTH[n % 2], DAY + n // 2 * HOUR))
        assert found[5:10] == (minutes, -(-minutes // 10), minutes, 60, False)
        assert found[10] == list(piece.fingerprints[0])
    windows = {(n, w): float(n) for n, m in enumerate(gaps) for w in range(-(-m // 10))}
    assert means(target) == {
        60 * (n // 2) + 10 * w: v for (n, w), v in windows.items() if n % 2 == 0
    }
    assert means(target, asset="T01") == {
        60 * (n // 2) + 10 * w: v for (n, w), v in windows.items() if n % 2
    }


def test_the_time_of_a_batch_is_shared_by_its_slices(target: Engine) -> None:
    job = new_job(target, slices=4)
    stats = replace(joined(*hours(job, 0, 1, 2, 3)), extract_ms=8.0, aggregate_ms=4.0)
    loader(target).load([stats.take([0])])
    loader(target).load([stats])
    found = fetch(target, "SELECT extract_ms, aggregate_ms, load_ms > 0 FROM etl.slice")
    assert found == [(2.0, 1.0, True)] * 4


def test_slices_loaded_before_are_left_out(target: Engine) -> None:
    job, newer = new_job(target, slices=HOURS), new_job(target)
    loader(target).load([joined(*hours(job, 1, 3))])
    loader(target).load(hours(newer, 3, value=90.0))
    loader(target).load([joined(*hours(job, *range(HOURS)))])
    assert mean_of_hours(target) == {0: 7.0, 1: 8.0, 2: 9.0, 3: 93.0, 4: 11.0}
    found = Ledger(target).job(job)
    assert (found.state, found.loaded, found.rows, found.superseded) == ("done", 5, 300, 0)


def test_two_batches_with_the_same_slices_are_one_in_a_transaction(target: Engine) -> None:
    job = new_job(target, slices=HOURS)
    first, second = joined(*hours(job, 0, 1, 2, 3)), joined(*hours(job, 2, 3, 4))
    loader(target)([entry(first), entry(second), entry(first)])
    assert mean_of_hours(target) == {n: 7.0 + n for n in range(HOURS)}
    found = Ledger(target).job(job)
    assert (found.state, found.loaded, found.rows, found.windows) == ("done", 5, 300, 30)


def test_a_cancelled_job_loads_no_slice_of_a_batch(target: Engine) -> None:
    cancelled, other = new_job(target, slices=2), new_job(target, slices=2)
    Ledger(target).cancel(cancelled, by=TESTER)
    batches = [joined(*hours(job, 0, 1, asset=a)) for job, a in ((cancelled, ""), (other, "T01"))]
    loader(target).load(batches)
    assert (means(target), Ledger(target).job(cancelled).loaded) == ({}, 0)
    assert Ledger(target).job(other).state == "done"


def test_only_the_slices_that_a_newer_job_has_are_superseded(target: Engine) -> None:
    older, newer = new_job(target, slices=HOURS), new_job(target, slices=2)
    loader(target).load([joined(*hours(newer, 1, 4, value=50.0))])
    loader(target).load([joined(*hours(older, *range(HOURS)))])
    assert mean_of_hours(target) == {0: 7.0, 1: 51.0, 2: 9.0, 3: 10.0, 4: 54.0}
    assert [row[2] for row in slices(target) if row[9]] == [DAY + HOUR, DAY + 4 * HOUR]
    assert Ledger(target).job(older).superseded == 2


def test_a_slice_of_a_batch_is_fenced_in_part(target: Engine) -> None:
    older, newer = new_job(target, slices=2, spec=sliced(3 * HOUR)), new_job(target)
    loader(target).load(hours(newer, 4, value=50.0))
    long = [
        batch(older, steady(1.0, 180), start=DAY + n * 3 * HOUR, length=3 * HOUR) for n in (0, 1)
    ]
    loader(target).load([joined(*long)])
    assert mean_of_hours(target) == {**dict.fromkeys((0, 1, 2, 3, 5), 1.0), 4: 54.0}
    assert Ledger(target).job(older).superseded == 1


def test_jobs_in_one_transaction_fence_each_other_by_slice(target: Engine) -> None:
    older, newer = new_job(target, slices=3), new_job(target, slices=3)
    loader(target).load(
        [joined(*hours(newer, 1, 2, 3, value=50.0)), joined(*hours(older, 0, 1, 2))]
    )
    assert mean_of_hours(target) == {0: 7.0, 1: 51.0, 2: 52.0, 3: 53.0}
    assert [Ledger(target).job(job).superseded for job in (older, newer)] == [2, 0]


def test_quality_rows_belong_to_their_slices(target: Engine) -> None:
    job = new_job(target, slices=3)
    lengths = {0: 60, 1: 55, 2: 60}
    pieces = [batch(job, steady(7.0, m), start=DAY + n * HOUR) for n, m in lengths.items()]
    loader(target).load([joined(*pieces)])
    assert {minute: count for minute, (count, _) in quality(target).items()} == {110: 5}


def broken(stats: StatsBatch) -> StatsBatch:
    """The batch with an infinite mean, which no aggregator sends."""
    at = stats.table.schema.get_field_index("wind_speed:mean")
    infinite = pa.array([float("inf")] * stats.table.num_rows)
    return replace(stats, table=stats.table.set_column(at, "wind_speed:mean", infinite))


@pytest.mark.parametrize("bad", range(HOURS))
def test_a_slice_that_does_not_fit_its_job_fails_alone(target: Engine, rig: Rig, bad: int) -> None:
    job = new_job(target, slices=HOURS)
    pieces = hours(job, *range(HOURS))
    pieces[bad] = broken(pieces[bad])
    [letter] = load_from_stream(target, rig, joined(*pieces))
    assert [slice_.start for slice_ in letter.slices] == [DAY + bad * HOUR]
    assert rig.dead()[0][b"dead_reason"] == b"contract"
    assert set(mean_of_hours(target)) == set(range(HOURS)) - {bad}
    assert Ledger(target).job(job).loaded == HOURS - 1


def test_a_slice_of_an_asset_that_the_job_does_not_have_fails_alone(
    target: Engine, rig: Rig
) -> None:
    job = new_job(target, slices=3)
    pieces = [*hours(job, 0, 1), *hours(job, 0, asset="T09"), *hours(job, 0, asset="T01")]
    [letter] = load_from_stream(target, rig, joined(*pieces))
    assert [slice_.asset for slice_ in letter.slices] == ["T09"]
    assert Ledger(target).job(job).loaded == 3


def test_a_slice_with_a_value_that_postgresql_refuses_fails_alone(target: Engine, rig: Rig) -> None:
    with target.begin() as connection:
        connection.execute(text("ALTER TABLE data ADD CHECK (value < 10.5)"))
    job = new_job(target, slices=HOURS)
    good = joined(*hours(job, *range(HOURS), asset="T01", value=0.0))
    letters = load_from_stream(target, rig, joined(*hours(job, *range(HOURS))), good)
    assert [[s.start for s in letter.slices] for letter in letters] == [
        [DAY + n * HOUR] for n in (3, 4)
    ]
    assert {letter[b"dead_reason"] for letter in rig.dead()} == {b"data"}
    assert set(mean_of_hours(target)) == {0, 1, 2}
    assert set(mean_of_hours(target, "T01")) == set(range(HOURS))


def test_a_batch_of_an_unknown_job_is_one_dead_letter(target: Engine, rig: Rig) -> None:
    [letter] = load_from_stream(target, rig, joined(*hours(4711, 0, 1, 2)))
    assert len(letter.slices) == 3
    assert rig.dead()[0][b"dead_reason"] == b"unknown_job"


@pytest.mark.parametrize(
    ("limits", "transactions"),
    [
        ({"slices_per_transaction": 1}, [1, 3, 2, 2]),
        ({"slices_per_transaction": 4}, [4, 4]),
        ({"slices_per_transaction": 6}, [6, 2]),
        ({"slices_per_transaction": 8}, [8]),
        ({"values_per_transaction": 24}, [1, 3, 2, 2]),
        ({"values_per_transaction": 24 * 5}, [4, 4]),
        ({"values_per_transaction": 24 * 8}, [8]),
    ],
    ids=str,
)
def test_a_transaction_holds_whole_batches_up_to_its_limits(
    target: Engine, limits: dict[str, Any], transactions: list[int]
) -> None:
    """A slice an hour has 6 windows of 4 statistics, 24 values."""
    job = new_job(target, slices=8)
    pieces = hours(job, *range(8))
    batches = [joined(*pieces[a:b]) for a, b in ((0, 1), (1, 4), (4, 6), (6, 8))]
    loader(target, **limits)([entry(stats) for stats in batches])
    found = fetch(target, "SELECT count(*) FROM etl.slice GROUP BY xmin::text ORDER BY min(start)")
    assert [count for (count,) in found] == transactions
    assert Ledger(target).job(job).state == "done"
