"""What was asked for on each day, whoever did, as the ledger has it."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine, text

from shared.domain.time_range import DateRange
from shared.postgres.engines import postgres_errors

_WINDOW = text("""
    SELECT CAST(spec ->> 'window_s' AS integer) FROM etl.job_status
    WHERE state = 'done' AND timezone = :timezone ORDER BY id DESC LIMIT 1
""")
_JOBS = text("""
    SELECT id, state, first_day, last_day FROM etl.job_status
    WHERE state IN ('queued', 'running', 'done') AND last_day >= :first AND first_day <= :last
    AND timezone = :timezone AND CAST(spec ->> 'window_s' AS integer) = :window_s
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayJobs:
    """Of one day: the newest job that is done (0: none is), and whether another is on its way."""

    done: int = 0
    under_way: bool = False


def window_s(engine: Engine, timezone: str) -> int | None:
    """The windows of the newest job that is done, in seconds; None where there is none. Asked of
    the ledger: a setting that is not the extractor's would find every day missing for ever.
    """
    with postgres_errors(), engine.connect() as connection:
        found: int | None = connection.scalar(_WINDOW, {"timezone": timezone})
        return found


def by_day(engine: Engine, days: DateRange, timezone: str, window_s: int) -> dict[date, DayJobs]:
    """The jobs of each of the days, of such windows and in that zone."""
    values = {
        "first": days.first, "last": days.last, "timezone": timezone, "window_s": window_s,
    }  # fmt: skip
    with postgres_errors(), engine.connect() as connection:
        rows = connection.execute(_JOBS, values).all()
    found = {}
    for day in days:
        those = [row for row in rows if row.first_day <= day <= row.last_day]
        found[day] = DayJobs(
            done=max((row.id for row in those if row.state == "done"), default=0),
            under_way=any(row.state != "done" for row in those),
        )
    return found
