"""The windows of one asset as a table: a row for each, a column for each variable's statistic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.dashboard.queries.target import Target

_VALUES = """
    WITH wanted AS (
        SELECT id, variable, statistic FROM signal
        WHERE asset = :asset AND window_s = :window_s AND variable = ANY (:variables)
    ), first AS (
        SELECT min(d.timestamp) AS timestamp FROM wanted s CROSS JOIN LATERAL (
            SELECT timestamp FROM data WHERE signal_id = s.id
            AND timestamp >= :start AND timestamp < :end ORDER BY timestamp LIMIT 1
        ) d
    )
    SELECT d.timestamp, s.variable, s.statistic, d.value
    FROM wanted s JOIN data d ON d.signal_id = s.id CROSS JOIN first
    WHERE d.timestamp >= first.timestamp AND d.timestamp < :end
    AND d.timestamp < first.timestamp + make_interval(secs => :longest_s)
"""
_SIGNALS = """
    SELECT DISTINCT variable, statistic FROM signal
    WHERE window_s = :window_s
"""
ORDER = ("mean", "min", "max", "std")
Column = tuple[str, str]


@dataclass(frozen=True, slots=True)
class WindowTable:
    """`columns` are (variable, statistic); each row has its values, None where there is none."""

    columns: list[Column]
    rows: list[tuple[datetime, list[float | None]]]


def columns(target: Target, window_s: int) -> list[Column]:
    """Those that there are: by variable and statistic."""
    rows = target.fetch(_SIGNALS, {"window_s": window_s})
    return sorted(
        ((row.variable, row.statistic) for row in rows),
        key=lambda column: (column[0], ORDER.index(column[1])),
    )


def window_table(
    target: Target,
    asset: str,
    start: datetime,
    end: datetime,
    wanted: Sequence[Column],
    *,
    window_s: int,
    limit: int,
) -> WindowTable:
    """From the first that there is between `start` and `end`, as far as `limit` windows reach."""
    place = {column: n for n, column in enumerate(wanted)}
    values = {
        "asset": asset, "window_s": window_s, "start": start, "end": end,
        "variables": sorted({variable for variable, _ in wanted}), "longest_s": limit * window_s,
    }  # fmt: skip
    found: dict[datetime, list[float | None]] = {}
    for row in target.fetch(_VALUES, values):
        cells = found.setdefault(row.timestamp, [None] * len(place))
        cells[place[row.variable, row.statistic]] = row.value
    return WindowTable(list(wanted), sorted(found.items()))
