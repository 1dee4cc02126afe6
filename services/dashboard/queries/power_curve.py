"""Power over wind speed: the windows as points, and their means in bins of 0.5 m/s.

The bins are centred on multiples of 0.5 m/s, as in the method of bins of IEC 61400-12-1. Nothing
else of that standard is applied: no correction for air density, no filter of the wind direction.
"""

from dataclasses import dataclass
from datetime import datetime

from services.dashboard.queries.assets import units
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings
from shared.domain.time_range import TimeRange

BIN_WIDTH = 0.5
MAX_POINTS = 4_000

_WINDOWS = """
    FROM signal sw JOIN signal sp USING (asset, statistic, window_s)
    JOIN data w ON w.signal_id = sw.id
    JOIN data p ON p.signal_id = sp.id AND p.timestamp = w.timestamp
    WHERE sw.statistic = 'mean' AND asset = :asset AND window_s = :window_s
    AND sw.variable = :wind AND sp.variable = :power
    AND w.timestamp >= :start AND w.timestamp < :end
"""
_BINS = f"""
    SELECT round(w.value / :width) * :width AS centre, avg(w.value) AS wind,
           avg(p.value) AS power, count(*) AS windows
    {_WINDOWS} GROUP BY 1 ORDER BY 1
"""
# Every n-th window, so that the cloud of points keeps its shape.
_POINTS = f"""
    SELECT wind, power FROM (
        SELECT w.value AS wind, p.value AS power, row_number() OVER (ORDER BY w.timestamp) AS n
        {_WINDOWS}
    ) AS windows WHERE n % :every = 0 ORDER BY n
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Bin:
    """The windows whose mean wind speed is within half a bin of `centre`: means and number."""

    centre: float
    wind: float
    power: float
    windows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCurve:
    """`points` are the wind speed and power of the windows, or of 4,000 of them at most, evenly
    taken. `bins` have the means of all windows, in bins of 0.5 m/s around its multiples.
    """

    asset: str
    start: datetime
    end: datetime
    wind_unit: str | None
    power_unit: str | None
    points: list[tuple[float, float]]
    bins: list[Bin]


def power_curve(
    target: Target, asset: str, time_range: TimeRange, settings: DashboardSettings
) -> PowerCurve:
    """The power curve of one asset, from the windows that have both variables."""
    wind, power, (start, end) = settings.wind_variable, settings.power_variable, time_range
    params = {
        "asset": asset, "start": start, "end": end, "window_s": settings.window_s,
        "wind": wind, "power": power,
    }  # fmt: skip
    bins = [Bin(**row._mapping) for row in target.fetch(_BINS, {**params, "width": BIN_WIDTH})]
    windows = sum(bin_.windows for bin_ in bins)
    every = max(1, -(-windows // MAX_POINTS))
    points = [(row.wind, row.power) for row in target.fetch(_POINTS, {**params, "every": every})]
    unit = units(target, settings.window_s, asset)
    return PowerCurve(
        asset=asset, start=start, end=end, wind_unit=unit.get(wind), power_unit=unit.get(power),
        points=points, bins=bins,
    )  # fmt: skip
