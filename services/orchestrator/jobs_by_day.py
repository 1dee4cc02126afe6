"""The jobs of each day in the ledger, from any client."""

from datetime import date
from typing import NamedTuple

from sqlalchemy import Engine, text

from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import DateRange
from shared.postgres.engines import postgres_errors

_SPEC = text("""
    SELECT spec FROM etl.job_status
    WHERE state = 'done' AND timezone = :timezone ORDER BY id DESC LIMIT 1
""")
_JOBS = text("""
    SELECT id, state, first_day, last_day FROM etl.job_status
    WHERE state IN ('queued', 'running', 'done') AND last_day >= :first AND first_day <= :last
    AND timezone = :timezone AND CAST(spec ->> 'window_s' AS integer) = :window_s
""")


class DayJobs(NamedTuple):
    """Of one day: the newest job that is done (0: none), and whether a job is queued or running."""

    done: int = 0
    is_open: bool = False


def newest_spec(engine: Engine, timezone: str) -> StatisticsSpec | None:
    """The specification of the newest job that is done, or None. It is read from the ledger: with
    settings that differ from the extractor's, every day would be missing.
    """
    with postgres_errors(), engine.connect() as connection:
        spec = connection.scalar(_SPEC, {"timezone": timezone})
    return None if spec is None else StatisticsSpec.model_validate(spec)


def by_day(engine: Engine, days: DateRange, timezone: str, window_s: int) -> dict[date, DayJobs]:
    """The jobs of each day with this time zone and window length."""
    params = {"first": days.first, "last": days.last, "timezone": timezone, "window_s": window_s}
    with postgres_errors(), engine.connect() as connection:
        rows = connection.execute(_JOBS, params).all()
    result = {}
    for day in days:
        jobs = [row for row in rows if row.first_day <= day <= row.last_day]
        result[day] = DayJobs(
            done=max((row.id for row in jobs if row.state == "done"), default=0),
            is_open=any(row.state != "done" for row in jobs),
        )
    return result
