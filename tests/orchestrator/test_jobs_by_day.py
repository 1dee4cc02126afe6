"""The jobs of a day: those with its time zone and window length."""

from datetime import date

import pytest
from sqlalchemy import Engine

from services.orchestrator.jobs_by_day import DayJobs, by_day
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import DateRange
from tests.integration.loader import new_job

DAY = date(2025, 12, 5)
WINDOW_S = 600


def jobs(target: Engine) -> DayJobs:
    return by_day(target, DateRange(DAY, DAY), "UTC", WINDOW_S)[DAY]


def test_a_queued_job_is_open(target: Engine) -> None:
    new_job(target, spec=StatisticsSpec(window_s=WINDOW_S))
    assert jobs(target).is_open


@pytest.mark.parametrize(("timezone", "window_s"), [("Asia/Tokyo", WINDOW_S), ("UTC", 300)])
def test_a_job_of_another_time_zone_or_window_length_does_not_count(
    target: Engine, timezone: str, window_s: int
) -> None:
    new_job(target, timezone=timezone, spec=StatisticsSpec(window_s=window_s))
    assert jobs(target) == DayJobs()
