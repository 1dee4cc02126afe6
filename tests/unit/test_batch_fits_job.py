"""Which slices are those of a job, whatever its clocks do."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.loader.batch_validation import JobContract
from shared.domain.batches import StatsBatch
from shared.errors import InvalidInput
from tests.integration.loader import HOUR, batch, sliced, steady

HALF_HOURLY = sliced(HOUR / 2)
ST_JOHNS, SAO_PAULO, BERLIN = "America/St_Johns", "America/Sao_Paulo", "Europe/Berlin"
DAY = date(2025, 12, 5)


def asked(zone: str, first: date, last: date) -> JobContract:
    return JobContract(
        cancelled=False, started=True, first_day=first, last_day=last, timezone=zone,
        variables=("wind_speed",), assets=frozenset([""]), spec=HALF_HOURLY,
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
