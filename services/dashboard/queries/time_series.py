"""What a chart draws: the windows of a variable, in as many points as it has pixels.

A point stands for `step_s // window_s` windows in a row. Its minimum is the least of theirs and its
maximum the greatest, so that no peak is lost however far out one zooms; its mean is the mean of the
windows' means. A point of one window is that window, with its std; std is never averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.dashboard.queries.target import Target

Values = list[float | None]

_MEAN = "avg(d.value) FILTER (WHERE s.statistic = 'mean')"
# Directions: their mean is that of unit vectors, and the least of several has no meaning.
_MEAN_DIRECTION = """
    mod(CAST(degrees(atan2(avg(sin(radians(d.value))) FILTER (WHERE s.statistic = 'mean'),
                           avg(cos(radians(d.value))) FILTER (WHERE s.statistic = 'mean')))
             + 360 AS numeric), 360)
"""
_POINTS = """
    SELECT date_bin(make_interval(secs => :step_s), d.timestamp, :start) AS at,
           {mean} AS mean,
           min(d.value) FILTER (WHERE s.statistic = 'min') AS min,
           max(d.value) FILTER (WHERE s.statistic = 'max') AS max,
           max(d.value) FILTER (WHERE s.statistic = 'std') AS std
    FROM signal s JOIN data d ON d.signal_id = s.id
    WHERE s.asset = :asset AND s.variable = :variable AND s.window_s = :window_s
    AND d.timestamp >= :start AND d.timestamp < :end
    GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Grid:
    """`points` points of `step_s` seconds each from `start` on; the last may reach over `end`."""

    start: datetime
    end: datetime
    window_s: int
    step_s: int

    @classmethod
    def cut(cls, start: datetime, end: datetime, *, window_s: int, points: int) -> "Grid":
        """At most so many points, each of whole windows."""
        windows = max(1, -(-int((end - start).total_seconds()) // window_s))
        return cls(start, end, window_s, -(-windows // points) * window_s)

    @property
    def points(self) -> int:
        return -(-int((self.end - self.start).total_seconds()) // self.step_s)


@dataclass(frozen=True, slots=True)
class Series:
    """One variable; each list has a value for each point of the span, None where there is none."""

    variable: str
    mean: Values
    min: Values
    max: Values
    std: Values


def time_series(
    target: Target, asset: str, variable: str, span: Grid, *, circular: Sequence[str] = ()
) -> Series:
    """One asset's variable over the span."""
    is_one_window, is_direction = span.step_s == span.window_s, variable in circular
    mean = _MEAN_DIRECTION if is_direction and not is_one_window else _MEAN
    values = {
        "asset": asset, "variable": variable, "window_s": span.window_s, "step_s": span.step_s,
        "start": span.start, "end": span.end,
    }  # fmt: skip
    rows = target.fetch(_POINTS.format(mean=mean), values)
    found = {(row.at - span.start) // timedelta(seconds=span.step_s): row for row in rows}
    points = [found.get(n) for n in range(span.points)]
    has_range = is_one_window or not is_direction
    return Series(
        variable,
        mean=_values(points, "mean"),
        min=_values(points, "min" if has_range else None),
        max=_values(points, "max" if has_range else None),
        std=_values(points, "std" if is_one_window else None),
    )


def _values(points: Sequence[Any], name: str | None) -> Values:
    values = (getattr(point, name) if point and name else None for point in points)
    return [None if value is None else float(value) for value in values]
