"""Of two jobs for the same windows the newer stands, in whatever order and company they load."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from shared.domain.batches import StatsBatch
from shared.ledger.ledger import Ledger
from tests.integration.loader import (
    DAY,
    HOUR,
    batch,
    fetch,
    joined,
    loader,
    means,
    new_job,
    quality,
    sliced,
    steady,
)

TEN_MINUTES = timedelta(minutes=10)
WINDOWS = 12


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
@pytest.mark.parametrize("together", [True, False], ids=["at once", "one by one"])
def test_the_newest_of_three_jobs_wins(
    target: Engine, order: tuple[int, ...], together: bool
) -> None:
    jobs = [batch(new_job(target), steady(value)) for value in (1.0, 2.0, 3.0)]
    mixed = [jobs[n] for n in order]
    for batches in [mixed] if together else [[one] for one in mixed]:
        loader(target).load(batches)
    assert set(means(target).values()) == {3.0}


def test_an_older_slice_is_marked_as_superseded(target: Engine) -> None:
    older, newer = new_job(target), new_job(target)
    loader(target).load([batch(newer, steady(2.0))])
    loader(target).load([batch(older, steady(1.0))])
    found = Ledger(target).job(older)
    assert (found.state, found.superseded) == ("done", 1)
    assert Ledger(target).job(newer).superseded == 0


def test_a_newer_slice_without_samples_keeps_an_older_one_out(target: Engine) -> None:
    older, newer = new_job(target), new_job(target)
    loader(target).load([batch(newer)])
    loader(target).load([batch(older, steady(1.0))])
    assert means(target) == {}
    assert len(quality(target)) == 6


def test_each_variable_has_its_own_fence(target: Engine) -> None:
    both = ("wind_speed", "power")
    older, newer = new_job(target, variables=both), new_job(target, variables=("power",))
    loader(target).load([batch(newer, steady(200.0), variables=("power",))])
    loader(target).load([batch(older, steady(1.0), steady(100.0), variables=both)])
    assert set(means(target).values()) == {1.0}
    assert set(means(target, "power").values()) == {200.0}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["older first", "newer first"])
@pytest.mark.parametrize("together", [True, False], ids=["at once", "one by one"])
def test_each_statistic_has_its_own_fence(
    target: Engine, order: tuple[int, ...], together: bool
) -> None:
    only_mean = sliced(statistics=("mean",))
    older, newer = new_job(target), new_job(target, spec=only_mean)
    both = [batch(older, steady(1.0, 50)), batch(newer, steady(5.0), spec=only_mean)]
    mixed = [both[n] for n in order]
    for batches in [mixed] if together else [[one] for one in mixed]:
        loader(target).load(batches)
    assert means(target) == dict.fromkeys(range(0, 60, 10), 5.0)
    assert fetch(
        target,
        "SELECT s.statistic, min(d.value), count(*) FROM data d "
        "JOIN signal s ON s.id = d.signal_id WHERE s.statistic IN ('min', 'max') "
        "GROUP BY s.statistic ORDER BY s.statistic",
    ) == [("max", 2.0, 5), ("min", 0.0, 5)]
    assert quality(target) == {}  # as the newer job has seen it


def test_each_asset_and_window_length_has_its_own_fence(target: Engine) -> None:
    half_hourly = sliced(window_s=1_800)
    older, newer, newest = new_job(target), new_job(target), new_job(target, spec=half_hourly)
    loader(target).load([batch(newer, steady(2.0), asset="T01")])
    loader(target).load([batch(newest, steady(3.0), spec=half_hourly)])
    loader(target).load([batch(older, steady(1.0))])
    found = Ledger(target).job(older)
    assert (found.superseded, list(means(target).values()).count(1.0)) == (0, 6)


def test_a_longer_older_slice_fills_what_newer_ones_left(target: Engine) -> None:
    older, newer = new_job(target, spec=sliced(3 * HOUR)), new_job(target)
    loader(target).load([batch(newer, steady(2.0), start=DAY + HOUR)])
    loader(target).load([batch(older, steady(1.0, 180), length=3 * HOUR)])
    assert means(target) == {n: 2.0 if 60 <= n < 120 else 1.0 for n in range(0, 180, 10)}
    assert Ledger(target).job(older).superseded == 1


def test_a_shorter_older_slice_changes_nothing(target: Engine) -> None:
    older, newer = new_job(target), new_job(target, spec=sliced(3 * HOUR))
    loader(target).load([batch(newer, steady(2.0, 180), length=3 * HOUR)])
    loader(target).load([batch(older, start=DAY + HOUR)])
    assert means(target) == dict.fromkeys(range(0, 180, 10), 2.0)


def test_a_newer_job_that_loaded_nothing_keeps_no_job_out(target: Engine) -> None:
    older, newer = new_job(target), new_job(target)
    Ledger(target).mark_published([batch(newer).slices[0]])
    loader(target).load([batch(older, steady(1.0))])
    assert set(means(target).values()) == {1.0}


Piece = tuple[int, set[int]]


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    lengths=st.lists(st.integers(1, WINDOWS), min_size=4, max_size=4),
    pieces=st.lists(
        st.tuples(
            st.integers(0, 3), st.sets(st.integers(0, WINDOWS - 1), min_size=1, max_size=4)
        ),
        min_size=1, max_size=8,
    ),
    at_once=st.integers(1, 3),
)  # fmt: skip
def test_each_window_has_the_values_of_its_newest_job(
    target: Engine, lengths: list[int], pieces: list[Piece], at_once: int
) -> None:
    """Each job has slices of so many windows; a piece is a batch: (job, numbers of its slices), in
    the order of their loading.
    """
    with target.begin() as connection:
        connection.execute(text("TRUNCATE data, quality, etl.job CASCADE"))
    jobs = [
        new_job(target, slices=WINDOWS, spec=sliced(length * TEN_MINUTES)) for length in lengths
    ]
    pieces = [(job, {n % -(-WINDOWS // lengths[job]) for n in numbers}) for job, numbers in pieces]
    batches = [
        joined(*(_batch(jobs[job], job, n, lengths[job]) for n in numbers))
        for job, numbers in pieces
    ]
    for n in range(0, len(batches), at_once):
        loader(target).load(batches[n : n + at_once])
    wanted: dict[int, float] = {}
    for job, n in sorted((job, n) for job, numbers in pieces for n in numbers):
        first, end = n * lengths[job], (n + 1) * lengths[job]
        wanted |= dict.fromkeys(range(first * 10, end * 10, 10), job + 10.0)
    assert means(target) == wanted


def _batch(job: int, number: int, n: int, windows: int) -> StatsBatch:
    length = windows * TEN_MINUTES
    values = steady(number + 10.0, 10 * windows)
    return batch(job, values, start=DAY + n * length, length=length)
