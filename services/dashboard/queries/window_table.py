"""The windows of one asset as a table: a row per window, a column per statistic of a variable."""

from collections.abc import Sequence
from datetime import datetime

from services.dashboard.queries.target import Target
from shared.domain.time_range import TimeRange

_VALUES = """
    WITH selected AS (
        SELECT id, variable, statistic FROM signal
        WHERE asset = :asset AND window_s = :window_s AND variable = ANY (:variables)
    ), first AS (
        SELECT min(d.timestamp) AS timestamp FROM selected s CROSS JOIN LATERAL (
            SELECT timestamp FROM data WHERE signal_id = s.id
            AND timestamp >= :start AND timestamp < :end ORDER BY timestamp LIMIT 1
        ) d
    )
    SELECT d.timestamp, s.variable, s.statistic, d.value
    FROM selected s JOIN data d ON d.signal_id = s.id CROSS JOIN first
    WHERE d.timestamp >= first.timestamp AND d.timestamp < :end
    AND d.timestamp < first.timestamp + make_interval(secs => :limit_s)
"""
_SIGNALS = """
    SELECT DISTINCT variable, statistic FROM signal
    WHERE window_s = :window_s
"""
ORDER = ("mean", "min", "max", "std")
Column = tuple[str, str]
"""A variable and a statistic."""
WindowRow = tuple[datetime, list[float | None]]
"""The start of a window, and the value of each column, None if it is missing."""


def columns(target: Target, window_s: int) -> list[Column]:
    """All columns of windows of this length, by variable and statistic."""
    rows = target.fetch(_SIGNALS, {"window_s": window_s})
    return sorted(
        ((row.variable, row.statistic) for row in rows),
        key=lambda column: (column[0], ORDER.index(column[1])),
    )


def window_rows(
    target: Target,
    asset: str,
    time_range: TimeRange,
    columns: Sequence[Column],
    *,
    window_s: int,
    limit: int,
) -> list[WindowRow]:
    """The windows of the time range, from the first that has a value, `limit` windows at most."""
    index = {column: n for n, column in enumerate(columns)}
    params = {
        "asset": asset, "window_s": window_s, "start": time_range.start, "end": time_range.end,
        "variables": sorted({variable for variable, _ in columns}), "limit_s": limit * window_s,
    }  # fmt: skip
    rows: dict[datetime, list[float | None]] = {}
    for row in target.fetch(_VALUES, params):
        values = rows.setdefault(row.timestamp, [None] * len(index))
        values[index[row.variable, row.statistic]] = row.value
    return sorted(rows.items())
