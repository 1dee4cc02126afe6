"""The table of windows on the data page."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from services.dashboard.queries.target import Target
from services.dashboard.queries.window_table import columns, window_rows
from shared.domain.time_range import TimeRange
from tests.dashboard.dashboard_client import load
from tests.integration.loader import DAY, HOUR, ONE_DAY, batch, new_job, sliced, steady

WINDOW = timedelta(minutes=10)


def starts(target: Engine, *, end: datetime, limit: int = 1000) -> list[timedelta]:
    """The starts of the windows in the table, after midnight."""
    reader = Target(target)
    all_columns = columns(reader, 600)
    assert {variable for variable, _ in all_columns} == {"wind_speed"}
    time_range = TimeRange(DAY, end)
    rows = window_rows(reader, "T01", time_range, all_columns, window_s=600, limit=limit)
    return [timestamp - DAY for timestamp, _ in rows]


def test_the_limit_counts_from_the_first_window(target: Engine) -> None:
    job = new_job(target, spec=sliced(ONE_DAY))
    gap: list[float | None] = [None] * 600
    load(target, batch(job, gap + steady(7.0, 120), length=ONE_DAY, asset="T01"))
    assert starts(target, end=DAY + ONE_DAY, limit=6) == [10 * HOUR + n * WINDOW for n in range(6)]


def test_a_window_that_starts_at_the_end_is_not_shown(target: Engine) -> None:
    load(target, batch(new_job(target), steady(7.0, 60), asset="T01"))
    assert starts(target, end=DAY + 3 * WINDOW) == [n * WINDOW for n in range(3)]


def test_windows_of_another_length_are_not_shown(target: Engine) -> None:
    load(target, batch(new_job(target), [*[None] * 10, *steady(7.0, 50)], asset="T01"))
    hourly, power = sliced(HOUR, window_s=3600), ("wind_speed", "power")
    job = new_job(target, spec=hourly, variables=power)
    both = (steady(7.0), steady(500.0))
    load(target, batch(job, *both, spec=hourly, variables=power, asset="T01"))
    assert starts(target, end=DAY + HOUR) == [n * WINDOW for n in range(1, 6)]
