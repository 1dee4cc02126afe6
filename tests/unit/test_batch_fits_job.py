"""Which slices are those of a job, whatever its clocks do."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from services.aggregator.aggregate import aggregate
from services.loader.batch_validation import JobContract
from shared.domain.batches import StatsBatch
from shared.errors import InvalidInput
from tests.integration.loader import HOUR, batch, sliced, steady
from tests.unit.batches import joined, minutes, raw_batch, slice_of

HALF_HOURLY = sliced(HOUR / 2)
ST_JOHNS, SAO_PAULO, BERLIN = "America/St_Johns", "America/Sao_Paulo", "Europe/Berlin"
DAY = date(2025, 12, 5)


def asked(zone: str, first: date, last: date) -> JobContract:
    return JobContract(
        attempt=1, trace="", cancelled=False, started=True, first_day=first, last_day=last,
        timezone=zone, variables=("wind_speed",), assets=frozenset([""]), spec=HALF_HOURLY,
    )  # fmt: skip


def batch_of(start: datetime, end: datetime) -> StatsBatch:
    return batch(1, steady(7.0, 30), start=start, length=end - start, spec=HALF_HOURLY)


def spans(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    return list(HALF_HOURLY.spans(day, ZoneInfo(zone)))


@pytest.mark.parametrize(
    ("zone", "day"),
    [(ST_JOHNS, date(2010, 11, 7)), (SAO_PAULO, date(2018, 2, 17)), (BERLIN, date(2025, 10, 26))],
    ids=["back from 00:01 to 23:01", "back from 24:00 to 23:00", "back from 3:00 to 2:00"],
)
def test_each_slice_of_a_day_of_25_hours_belongs_to_its_job(zone: str, day: date) -> None:
    assert len(spans(zone, day)) == 50
    for start, end in spans(zone, day):
        asked(zone, day, day).require(batch_of(start, end))


@pytest.mark.parametrize("zone", [ST_JOHNS, "UTC"])
def test_slices_outside_the_days_of_a_job_are_rejected(zone: str) -> None:
    job = asked(zone, DAY, DAY + timedelta(days=1))
    before, after = spans(zone, DAY - timedelta(days=1)), spans(zone, DAY + timedelta(days=2))
    for start, end in (before[-1], after[0]):
        with pytest.raises(InvalidInput, match="no slice that ends"):
            job.require(batch_of(start, end))


def many_slices() -> StatsBatch:
    """The first half hours of a day of three assets, with a sample a minute."""
    raws = [
        raw_batch(
            replace(slice_of(spec=HALF_HOURLY, start=start, end=end), asset=asset),
            minutes(30), steady(7.0, 30),
        )
        for asset in ("T01", "T02", "T03")
        for start, end in spans(BERLIN, DAY)[:2]
    ]  # fmt: skip
    return aggregate(joined(*raws))


def contract() -> JobContract:
    return replace(asked(BERLIN, DAY, DAY), assets=frozenset(["T01", "T02", "T03"]))


def with_slice(batch: StatsBatch, position: int, **changes: Any) -> StatsBatch:
    slices = list(batch.slices)
    slices[position] = replace(slices[position], **changes)
    return replace(batch, slices=tuple(slices))


def with_value(batch: StatsBatch, column: int, row: int, value: object) -> StatsBatch:
    """The batch with another value in one cell of its table."""
    field = batch.table.schema.field(column)
    values = batch.table.column(column).to_pylist()
    values[row] = value
    changed = batch.table.set_column(column, field, pa.array(values, field.type))
    return replace(batch, table=changed)


BAD_SLICES: dict[str, Callable[[StatsBatch, int], StatsBatch]] = {
    "no asset T04": lambda batch, n: with_slice(batch, n, asset="T04"),
    "no slice that ends": lambda batch, n: with_slice(
        batch, n, end=batch.slices[n].end - timedelta(minutes=5)
    ),
    "not the starts of its windows": lambda batch, n: with_value(
        batch, 0, 3 * n + 2, batch.slices[n].start
    ),
    "a count is missing": lambda batch, n: with_value(batch, 2, 3 * n, None),
    "exceeds the integer": lambda batch, n: with_value(batch, 1, 3 * n + 1, 2**31),
    "or exceeds": lambda batch, n: with_value(batch, 3, 3 * n + 2, -1),
    "a statistic is infinite": lambda batch, n: with_value(batch, 4, 3 * n + 2, float("-inf")),
}


def test_slices_of_several_assets_belong_to_their_job() -> None:
    contract().require(many_slices())


@pytest.mark.parametrize("position", range(6))
@pytest.mark.parametrize("problem", BAD_SLICES)
def test_a_batch_with_one_slice_that_does_not_fit_is_rejected(problem: str, position: int) -> None:
    bad = BAD_SLICES[problem](many_slices(), position)
    with pytest.raises(InvalidInput, match=problem.replace("T04", "'T04'")) as rejected:
        contract().require(bad)
    assert rejected.value.reason == "contract"
    for n in range(6):
        if n != position:
            contract().require(bad.take([n]))
