"""What a job loaded on a day, read from the target."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from shared.domain.local_time import day_range

_BY_DAY = text("""
    SELECT CAST(start AT TIME ZONE :zone AS date) AS day, sum(rows) AS rows,
           sum(windows) AS windows,
           coalesce(CAST(sum(present) AS float) / nullif(sum(expected), 0), 0) AS coverage,
           sum(extract_ms) AS extract_ms, sum(aggregate_ms) AS aggregate_ms, sum(load_ms) AS load_ms
    FROM etl.slice WHERE job_id = :job AND loaded_at IS NOT NULL GROUP BY day
""")
_SIGNALS = text("""
    SELECT s.asset, s.variable, max(s.unit) AS unit,
           count(*) AS values, count(*) FILTER (WHERE s.statistic = 'mean') AS windows,
           min(d.value) FILTER (WHERE s.statistic = 'min') AS low,
           avg(d.value) FILTER (WHERE s.statistic = 'mean') AS mean,
           max(d.value) FILTER (WHERE s.statistic = 'max') AS high,
           bool_or(j.spec -> 'circular' @> to_jsonb(s.variable)) AS circular
    FROM etl.job j
    JOIN signal s ON s.variable = ANY(j.variables)
                 AND s.window_s = CAST(j.spec ->> 'window_s' AS integer)
    JOIN data d ON d.signal_id = s.id AND d.timestamp >= :start AND d.timestamp < :end
    WHERE j.id = :job
    GROUP BY s.asset, s.variable, array_position(j.variables, s.variable)
    ORDER BY s.asset, array_position(j.variables, s.variable)
""")
_CURVE = text("""
    SELECT timestamp AS at, value AS mean, min_value AS low, max_value AS high FROM signal_data
    WHERE asset = :asset AND variable = :variable AND window_s = :window_s
      AND timestamp >= :start AND timestamp < :end ORDER BY timestamp
""")


class DaySummary(NamedTuple):
    """The ledger's figures of one day of a job; all zeros if it has no slices."""

    rows: int = 0
    windows: int = 0
    coverage: float = 0.0
    extract_ms: float = 0.0
    aggregate_ms: float = 0.0
    load_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySignal:
    """One variable of one asset on one day. Extremes and mean of a direction have no meaning."""

    asset: str
    variable: str
    unit: str | None
    values: int
    windows: int
    low: float | None
    mean: float | None
    high: float | None
    circular: bool

    @property
    def name(self) -> str:
        return f"{self.asset} {self.variable}".strip()


class Point(NamedTuple):
    """The statistics of one window; None if a statistic was not loaded."""

    at: datetime
    mean: float | None
    low: float | None
    high: float | None


def by_day(connection: Connection, job: int, zone: ZoneInfo) -> dict[date, DaySummary]:
    """The days of the job that have slices."""
    rows = connection.execute(_BY_DAY, {"job": job, "zone": zone.key})
    return {day: DaySummary(*figures) for day, *figures in rows}


def signals(connection: Connection, job: int, day: date, zone: ZoneInfo) -> list[DaySignal]:
    """The variables of the job that have values on the day, in the order of assets."""
    rows = connection.execute(_SIGNALS, {"job": job, **day_range(day, zone)._asdict()}).mappings()
    return [DaySignal(**row) for row in rows]


def curve(
    connection: Connection, signal: DaySignal, window_s: int, day: date, zone: ZoneInfo
) -> Sequence[Point]:
    """The windows of one variable on the day, in order."""
    values = {"asset": signal.asset, "variable": signal.variable, "window_s": window_s}
    rows = connection.execute(_CURVE, values | day_range(day, zone)._asdict())
    return [Point(*row) for row in rows]
