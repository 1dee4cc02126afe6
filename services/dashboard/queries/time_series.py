"""The points of a chart: the windows of some variables, reduced to as many points as it has pixels.

A point combines `step_s // window_s` consecutive windows. Its minimum is the least of their minima
and its maximum the greatest of their maxima, so that no peak is lost at any zoom; its mean is the
mean of their means. A point of one window is that window, with its std; std is never averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.dashboard.queries.assets import units
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings
from shared.domain.time_range import TimeRange
from shared.setting_types import split_names

Values = list[float | None]

_MEAN = "avg(d.value) FILTER (WHERE s.statistic = 'mean')"
# The mean of directions is that of unit vectors; the least of several directions has no meaning.
_MEAN_DIRECTION = """
    mod(CAST(degrees(atan2(avg(sin(radians(d.value))) FILTER (WHERE s.statistic = 'mean'),
                           avg(cos(radians(d.value))) FILTER (WHERE s.statistic = 'mean')))
             + 360 AS numeric), 360)
"""
_POINTS = """
    SELECT date_bin(make_interval(secs => :step_s), d.timestamp, :start) AS point_start,
           {mean} AS mean,
           min(d.value) FILTER (WHERE s.statistic = 'min') AS min,
           max(d.value) FILTER (WHERE s.statistic = 'max') AS max,
           max(d.value) FILTER (WHERE s.statistic = 'std') AS std
    FROM signal s JOIN data d ON d.signal_id = s.id
    WHERE s.asset = :asset AND s.variable = :variable AND s.window_s = :window_s
    AND d.timestamp >= :start AND d.timestamp < :end
    GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSeries:
    """One variable. Each list has one value for each point, null if the point has no window. `mean`
    of directions is that of unit vectors; `std` has values only if each point is one window.
    """

    variable: str
    unit: str | None
    mean: Values
    min: Values
    max: Values
    std: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSeries:
    """Point n combines the windows that start in the `step_s` seconds from `start + n · step_s`."""

    asset: str
    start: datetime
    end: datetime
    window_s: int
    step_s: int
    series: list[VariableSeries]


def time_series(
    target: Target,
    asset: str,
    variables: Sequence[str],
    time_range: TimeRange,
    settings: DashboardSettings,
    *,
    max_points: int,
) -> TimeSeries:
    """Some variables of one asset in at most `max_points` points."""
    window_s, (start, end) = settings.window_s, time_range
    step_s, points = grid(time_range, window_s=window_s, max_points=max_points)
    unit = units(target, window_s, asset)
    circular = split_names(settings.circular_variables)
    params = {"asset": asset, "window_s": window_s, "step_s": step_s, "start": start, "end": end}

    def one_variable(variable: str) -> VariableSeries:
        is_one_window = step_s == window_s
        has_vector_mean = variable in circular and not is_one_window
        query = _POINTS.format(mean=_MEAN_DIRECTION if has_vector_mean else _MEAN)
        rows = target.fetch(query, {**params, "variable": variable})
        by_point = {(row.point_start - start) // timedelta(seconds=step_s): row for row in rows}

        def values(statistic: str, *, is_defined: bool = True) -> Values:
            row_values = (getattr(by_point.get(n), statistic, None) for n in range(points))
            return [float(v) if is_defined and v is not None else None for v in row_values]

        return VariableSeries(
            variable=variable,
            unit=unit.get(variable),
            mean=values("mean"),
            min=values("min", is_defined=not has_vector_mean),
            max=values("max", is_defined=not has_vector_mean),
            std=values("std", is_defined=is_one_window),
        )

    return TimeSeries(
        asset=asset, start=start, end=end, window_s=window_s, step_s=step_s,
        series=[one_variable(variable) for variable in variables],
    )  # fmt: skip


def grid(time_range: TimeRange, *, window_s: int, max_points: int) -> tuple[int, int]:
    """The length of a point in seconds, a multiple of `window_s`, and the number of points. The
    last point may reach beyond the end of the time range.
    """
    seconds = int((time_range.end - time_range.start).total_seconds())
    windows = max(1, -(-seconds // window_s))
    step_s = -(-windows // max_points) * window_s
    return step_s, -(-seconds // step_s)
