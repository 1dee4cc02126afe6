"""Power over wind: the windows as points, and their means in bins of 0.5 m/s.

The bins are centred on multiples of 0.5 m/s, as in the method of bins of IEC 61400-12-1. Nothing
else of that standard is claimed: no correction for air density, no filter of the wind direction.
"""

from dataclasses import dataclass
from datetime import datetime

from services.dashboard.queries.target import Target

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
    SELECT round(w.value / :width) AS bin, avg(w.value) AS wind, avg(p.value) AS power,
           count(*) AS windows
    {_WINDOWS} GROUP BY 1 ORDER BY 1
"""
# Every so many-th window, so that the cloud keeps its shape.
_POINTS = f"""
    SELECT wind, power FROM (
        SELECT w.value AS wind, p.value AS power, row_number() OVER (ORDER BY w.timestamp) AS n
        {_WINDOWS}
    ) AS windows WHERE n % :every = 0 ORDER BY n
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Bin:
    """The windows whose mean wind is within half a bin of `centre`: their means and number."""

    centre: float
    wind: float
    power: float
    windows: int


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """`points` are (wind, power), evenly taken from all windows where these are too many."""

    points: list[tuple[float, float]]
    bins: list[Bin]


def power_curve(
    target: Target,
    asset: str,
    start: datetime,
    end: datetime,
    *,
    window_s: int,
    wind: str,
    power: str,
) -> PowerCurve:
    """That of one asset, from the windows that have both variables."""
    values = {
        "asset": asset, "start": start, "end": end, "window_s": window_s,
        "wind": wind, "power": power,
    }  # fmt: skip
    bins = [
        Bin(float(row.bin) * BIN_WIDTH, row.wind, row.power, row.windows)
        for row in target.fetch(_BINS, {**values, "width": BIN_WIDTH})
    ]
    windows = sum(each.windows for each in bins)
    every = max(1, -(-windows // MAX_POINTS))
    points = target.fetch(_POINTS, {**values, "every": every})
    return PowerCurve([(row.wind, row.power) for row in points], bins)
