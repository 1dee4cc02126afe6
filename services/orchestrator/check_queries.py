"""The queries of the checks: implausible or missing windows of a day in the target."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, TextClause, text

from shared.domain.local_time import day_range
from shared.domain.quality_flags import Flag

MAX_NAMED = 20

# OFFSET 0 makes PostgreSQL use the primary key for each signal, even before it has statistics of
# the table. So the time for a day does not grow with the years in the table.
_VALUES = """
    SELECT s.asset, s.variable, s.statistic, s.window_s, d.timestamp AS at, d.value
    FROM signal s CROSS JOIN LATERAL (
        SELECT timestamp, value FROM data
        WHERE signal_id = s.id AND timestamp >= :start AND timestamp < :end OFFSET 0
    ) AS d
"""
# Each statistic of each window that the ledger has as loaded must be in `data`. `quality` explains
# a missing one: no samples, a single sample (std), or an overflow.
_LOADED = """
    SELECT DISTINCT s.asset, v.variable, s.window_s, w.at, t.statistic
    FROM etl.slice s
    JOIN etl.job j ON j.id = s.job_id
    CROSS JOIN unnest(s.variables) AS v(variable)
    CROSS JOIN jsonb_array_elements_text(j.spec -> 'statistics') AS t(statistic)
    CROSS JOIN generate_series(s.start, s."end" - interval '1 microsecond',
                               make_interval(secs => s.window_s)) AS w(at)
    WHERE s.loaded_at IS NOT NULL AND s.start >= :start AND s.start < :end
"""
_EXPECTED = f"""
    SELECT l.*, v.value IS NOT NULL AS present, coalesce(
        q.count < CASE l.statistic WHEN 'std' THEN 2 ELSE 1 END OR q.flags & :non_finite <> 0, false
    ) AS explained
    FROM ({_LOADED}) AS l
    LEFT JOIN ({_VALUES}) AS v USING (asset, variable, statistic, window_s, at)
    LEFT JOIN quality q ON q.asset = l.asset AND q.variable = l.variable
                       AND q.window_s = l.window_s AND q.timestamp = l.at
                       AND q.timestamp >= :start AND q.timestamp < :end
"""  # noqa: S608 - our own text
_COUNTS = text(f"""
    SELECT count(*) AS expected, count(DISTINCT (asset, variable, statistic)) AS signals,
           count(*) FILTER (WHERE present) AS present,
           count(*) FILTER (WHERE NOT present AND explained) AS explained
    FROM ({_EXPECTED}) AS expected
""")  # noqa: S608
_MISSING = text(f"""
    SELECT at, asset, variable, statistic || ' is missing' AS what, count(*) OVER () AS total
    FROM ({_EXPECTED}) AS expected WHERE NOT present AND NOT explained
    ORDER BY at, asset, variable, statistic LIMIT :named
""")  # noqa: S608
_UNORDERED = text(f"""
    SELECT at, asset, variable, total, concat('min ', low, ', mean ', mean, ', max ', high) AS what
    FROM (
        SELECT *, count(*) OVER () AS total
        FROM (
            SELECT at, asset, variable,
                   max(value) FILTER (WHERE statistic = 'min') AS low,
                   max(value) FILTER (WHERE statistic = 'mean') AS mean,
                   max(value) FILTER (WHERE statistic = 'max') AS high
            FROM ({_VALUES}) AS v GROUP BY at, asset, variable, window_s
        ) AS windows
        WHERE low > mean OR mean > high OR low > high
    ) AS unordered
    ORDER BY at, asset, variable LIMIT :named
""")  # noqa: S608
_NEGATIVE = text(f"""
    SELECT at, asset, variable, concat('std ', value) AS what, count(*) OVER () AS total
    FROM ({_VALUES}) AS v WHERE statistic = 'std' AND (value < 0 OR value = 'NaN')
    ORDER BY at, asset, variable LIMIT :named
""")  # noqa: S608
_HAS_JOB = text("""
    SELECT EXISTS (SELECT FROM etl.job_status
                   WHERE state = 'done' AND :day BETWEEN first_day AND last_day)
""")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A text, the number of wrong windows, and the names of the first of them."""

    text: str
    total: int = 0
    named: tuple[str, ...] = ()


def missing(connection: Connection, day: date, zone: ZoneInfo) -> CheckResult:
    """Windows that the ledger has as loaded, but that are neither in `data` nor in `quality`."""
    flag = {"non_finite": int(Flag.NON_FINITE)}
    counts = connection.execute(_COUNTS, day_range(day, zone)._asdict() | flag).one()
    if not counts.expected and not connection.scalar(_HAS_JOB, {"day": day}):
        no_job = f"{day}: no job has loaded this day"
        return CheckResult(no_job, 1, (no_job,))
    if not counts.present and counts.expected == counts.explained:
        return CheckResult("the source has no samples on this day")
    windows = f"{counts.expected // counts.signals} windows × {counts.signals} signals"
    description = windows + (f", {counts.explained} gaps explained" if counts.explained else "")
    return _run(connection, _MISSING, day, zone, description, **flag)


def unordered(connection: Connection, day: date, zone: ZoneInfo) -> CheckResult:
    """Windows where not min ≤ mean ≤ max."""
    return _run(connection, _UNORDERED, day, zone, "min ≤ mean ≤ max in all windows")


def negative(connection: Connection, day: date, zone: ZoneInfo) -> CheckResult:
    """Windows whose standard deviation is negative or NaN."""
    return _run(connection, _NEGATIVE, day, zone, "std ≥ 0 in all windows")


Query = Callable[[Connection, date, ZoneInfo], CheckResult]


def _run(
    connection: Connection, statement: TextClause, day: date, zone: ZoneInfo, ok: str, **more: int
) -> CheckResult:
    params = {"named": MAX_NAMED, **day_range(day, zone)._asdict(), **more}
    rows = connection.execute(statement, params).all()
    if not rows:
        return CheckResult(ok)
    total, named = rows[0].total, tuple(_name(row, zone) for row in rows)
    others = f", and {total - 1} more" if total > 1 else ""
    return CheckResult(f"{named[0]}{others}", total, named)


def _name(row: Row[Any], zone: ZoneInfo) -> str:
    """`2025-12-05 00:10+0000 T01 power: std is missing`."""
    at = row.at.astimezone(zone).strftime("%Y-%m-%d %H:%M%z")
    return f"{at} {f'{row.asset} {row.variable}'.strip()}: {row.what}"
