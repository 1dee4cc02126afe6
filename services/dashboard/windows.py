"""The windows of one asset as a table: a row for each, a column for each variable's statistic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.dashboard.target import Target

_VALUES = """
    SELECT d.timestamp, s.variable, s.statistic, d.value
    FROM signal s JOIN data d ON d.signal_id = s.id
    WHERE s.asset = :asset AND s.window_seconds = :window_s AND s.variable = ANY (:variables)
    AND d.timestamp >= :start AND d.timestamp < :end
    AND d.timestamp < CAST(:start AS timestamptz) + make_interval(secs => :longest_s)
"""
_SIGNALS = """
    SELECT DISTINCT variable, statistic FROM signal
    WHERE window_seconds = :window_s
"""
ORDER = ("mean", "min", "max", "std")
Column = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Windows:
    """`columns` are (variable, statistic); each row has its values, None where there is none."""

    columns: list[Column]
    rows: list[tuple[datetime, list[float | None]]]


def columns(target: Target, window_s: int) -> list[Column]:
    """Those that there are: by variable and statistic."""
    rows = target.rows(_SIGNALS, {"window_s": window_s})
    return sorted(
        ((row.variable, row.statistic) for row in rows),
        key=lambda column: (column[0], ORDER.index(column[1])),
    )


def windows(
    target: Target,
    asset: str,
    start: datetime,
    end: datetime,
    wanted: Sequence[Column],
    *,
    window_s: int,
    limit: int,
) -> Windows:
    """From `start` until `end`, at most as far as `limit` windows reach."""
    place = {column: n for n, column in enumerate(wanted)}
    values = {
        "asset": asset, "window_s": window_s, "start": start, "end": end,
        "variables": sorted({variable for variable, _ in wanted}), "longest_s": limit * window_s,
    }  # fmt: skip
    found: dict[datetime, list[float | None]] = {}
    for row in target.rows(_VALUES, values):
        cells = found.setdefault(row.timestamp, [None] * len(place))
        cells[place[row.variable, row.statistic]] = row.value
    return Windows(list(wanted), sorted(found.items()))
