"""A batch counts towards its job only if it is one of the job's slices, whole."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine

from shared.domain.batches import StatsBatch
from shared.errors import InvalidInput
from shared.ledger.ledger import Ledger
from tests.integration.loader import (
    DAY,
    HOUR,
    ONE_DAY,
    batch,
    entry,
    loader,
    means,
    new_job,
    sliced,
    steady,
)


def rejected(target: Engine, stats: StatsBatch, match: str) -> None:
    """Nothing of it is written, and it counts for nothing."""
    with pytest.raises(InvalidInput, match=match) as error:
        loader(target).load([stats])
    assert error.value.reason == "contract"
    assert (means(target), Ledger(target).job(stats.slices[0].job).loaded) == ({}, 0)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"start": DAY + ONE_DAY}, "no slice that ends"),
        ({"start": DAY - HOUR}, "no slice that ends"),
        ({"start": DAY + HOUR / 2}, "no slice that ends"),
        ({"length": HOUR / 2, "spec": sliced()}, "no slice that ends"),
        ({"asset": "T02"}, "no asset 'T02'"),
        ({"variables": ("power",)}, "the job's variables"),
        ({"spec": sliced(ddof=0)}, "another specification"),
    ],
    ids=["the day after", "the day before", "shifted", "shorter", "asset", "variables", "spec"],
)
def test_a_batch_that_does_not_fit_its_job_is_rejected(
    target: Engine, wrong: dict[str, Any], match: str
) -> None:
    rejected(target, batch(new_job(target), steady(7.0, 30), **wrong), match)


def test_a_batch_of_a_job_that_has_not_started_is_rejected(target: Engine) -> None:
    rejected(target, batch(new_job(target, started=False), steady(7.0)), "has not started")


def test_an_entry_without_all_its_windows_is_rejected(target: Engine) -> None:
    stats = batch(new_job(target), steady(7.0))
    with pytest.raises(InvalidInput, match="5 rows, its header says 6") as error:
        loader(target)([entry(replace(stats, table=stats.table.slice(1)))])
    assert (error.value.reason, means(target)) == ("schema", {})


@pytest.mark.parametrize("rows", [[0, 0, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]], ids=str)
def test_a_batch_with_other_windows_is_rejected(target: Engine, rows: list[int]) -> None:
    stats = batch(new_job(target), steady(7.0))
    rejected(target, replace(stats, table=stats.table.take(rows)), "starts of its windows")


@pytest.mark.parametrize(
    ("column", "wrong", "match"),
    [
        ("expected", None, "a count"),
        ("wind_speed:count", None, "a count"),
        ("wind_speed:flags", None, "a count"),
        ("wind_speed:count", -1, "a count"),
        ("expected", 2**31, "a count"),
        ("expected", 2**62, "a count"),
        ("wind_speed:mean", float("inf"), "infinite"),
        ("wind_speed:std", float("-inf"), "infinite"),
    ],
)
def test_a_batch_with_impossible_values_is_rejected(
    target: Engine, column: str, wrong: Any, match: str
) -> None:
    stats = batch(new_job(target), steady(7.0))
    at, field = stats.table.schema.get_field_index(column), stats.table.schema.field(column)
    values = pa.array([wrong, *stats.table[column].to_pylist()[1:]], field.type)
    rejected(target, replace(stats, table=stats.table.set_column(at, field, values)), match)


@pytest.mark.parametrize(
    ("zone", "first", "length"),
    [
        ("Europe/Berlin", datetime(2025, 12, 4, 23, tzinfo=UTC), ONE_DAY),
        ("Asia/Kathmandu", datetime(2025, 12, 4, 18, 15, tzinfo=UTC), HOUR),
    ],
)
def test_days_are_local_days_of_the_job(
    target: Engine, zone: str, first: datetime, length: timedelta
) -> None:
    starts = {first, first + ONE_DAY - length}
    job = new_job(target, timezone=zone, spec=sliced(length), slices=len(starts))
    loader(target).load([batch(job, start=start, length=length) for start in starts])
    assert Ledger(target).job(job).state == "done"
    with pytest.raises(InvalidInput, match="no slice"):
        loader(target).load([batch(job, start=first + ONE_DAY, length=length)])
