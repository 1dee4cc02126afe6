"""Which jobs count for a day: those of its zone and of its windows."""

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


def test_a_job_of_the_zone_and_the_windows_is_under_way(target: Engine) -> None:
    new_job(target, spec=StatisticsSpec(window_s=WINDOW_S))
    assert jobs(target).under_way


@pytest.mark.parametrize(("timezone", "window_s"), [("Asia/Tokyo", WINDOW_S), ("UTC", 300)])
def test_a_job_of_another_zone_or_of_other_windows_does_not_count(
    target: Engine, timezone: str, window_s: int
) -> None:
    new_job(target, timezone=timezone, spec=StatisticsSpec(window_s=window_s))
    assert jobs(target) == DayJobs()
