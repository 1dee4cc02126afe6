"""What is wrong with the windows of a day in the analysis database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, TextClause, text

from shared.domain.local_time import day_range
from shared.domain.quality_flags import Flag

NAMED = 20

# By each signal's part of the key, however little PostgreSQL knows of the table yet: that is what
# OFFSET 0 is for. A day costs the same where there are years of them.
_VALUES = """
    SELECT s.asset, s.variable, s.statistic, s.window_s, d.timestamp AS at, d.value
    FROM signal s CROSS JOIN LATERAL (
        SELECT timestamp, value FROM data
        WHERE signal_id = s.id AND timestamp >= :start AND timestamp < :end OFFSET 0
    ) AS d
"""
# What the ledger says was loaded, for each statistic, has to be there. A window that is not is
# explained by `quality`: no samples, a single one where it is std, or an overflow.
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
_WANTED = f"""
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
    SELECT count(*) AS wanted, count(DISTINCT (asset, variable, statistic)) AS signals,
           count(*) FILTER (WHERE present) AS present,
           count(*) FILTER (WHERE NOT present AND explained) AS explained
    FROM ({_WANTED}) AS wanted
""")  # noqa: S608
_MISSING = text(f"""
    SELECT at, asset, variable, statistic || ' is missing' AS what, count(*) OVER () AS total
    FROM ({_WANTED}) AS wanted WHERE NOT present AND NOT explained
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
_ASKED = text("""
    SELECT EXISTS (SELECT FROM etl.job_status
                   WHERE state = 'done' AND :day BETWEEN first_day AND last_day)
""")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How many windows are wrong and the first of them by name, or what is said if none is."""

    total: int = 0
    named: tuple[str, ...] = ()
    said: str = ""


def missing(connection: Connection, day: date, zone: ZoneInfo) -> CheckResult:
    """Windows that the ledger has as loaded, and neither `data` nor `quality` knows."""
    flag = {"non_finite": int(Flag.NON_FINITE)}
    counts = connection.execute(_COUNTS, day_range(day, zone)._asdict() | flag).one()
    if not counts.wanted and not connection.scalar(_ASKED, {"day": day}):
        return CheckResult(1, (f"{day}: no job has loaded this day",))
    if not counts.present and counts.wanted == counts.explained:
        return CheckResult(said="the source has no samples on this day")
    windows = f"{counts.wanted // counts.signals} windows × {counts.signals} signals"
    said = windows + (f", {counts.explained} gaps explained" if counts.explained else "")
    return _found(connection, _MISSING, day, zone, said, **flag)


def unordered(connection: Connection, day: date, zone: ZoneInfo) -> CheckResult:
    """Windows where not min ≤ mean ≤ max."""
    return _found(connection, _UNORDERED, day, zone, "min ≤ mean ≤ max in all windows")


def negative(connection: Connection, day: date, zone: ZoneInfo) -> CheckResult:
    """Windows with a standard deviation that is none."""
    return _found(connection, _NEGATIVE, day, zone, "std ≥ 0 in all windows")


Look = Callable[[Connection, date, ZoneInfo], CheckResult]


def _found(
    connection: Connection, statement: TextClause, day: date, zone: ZoneInfo, said: str, **more: int
) -> CheckResult:
    rows = connection.execute(
        statement, {"named": NAMED, **day_range(day, zone)._asdict(), **more}
    ).all()
    if not rows:
        return CheckResult(said=said)
    return CheckResult(rows[0].total, tuple(_name(row, zone) for row in rows))


def _name(row: Row[Any], zone: ZoneInfo) -> str:
    """`2025-12-05 00:10+0000 T01 power: std is missing`."""
    at = row.at.astimezone(zone).strftime("%Y-%m-%d %H:%M%z")
    return f"{at} {f'{row.asset} {row.variable}'.strip()}: {row.what}"
