"""Key figures of assets: energy, mean wind speed, capacity factor.

Energy is Σ power × sampling period over the samples that are present, and comes with its coverage:
a gap is not filled. For a window that is not perfect, `quality` has the number of its samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from services.dashboard.queries.coverage import SHARE_DIGITS
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings
from shared.domain.time_range import TimeRange

KW = {"W": 1e-3, "kW": 1.0, "MW": 1e3, None: 1.0}
"""Kilowatts per unit of power; power without a unit is taken to be in kW."""

# The mean weights each window by the share of it that has samples; `windows` is the sum of the
# shares. A window may have one sample more than expected: its neighbour's, with a timestamp a
# little early or late. Still more samples do not make a window longer, and all windows together are
# no longer than the time range. If the sampling period does not divide the window, the samples
# expected in it count as the whole window.
_MEANS = """
    SELECT a.asset, s.variable, s.unit,
           sum(d.value * share.of_window) / nullif(sum(share.of_window), 0) AS mean,
           sum(share.of_window) AS windows
    FROM unnest(CAST(:assets AS text[]), CAST(:starts AS timestamptz[]),
                CAST(:ends AS timestamptz[])) AS a(asset, start, "end")
    JOIN signal s ON s.asset = a.asset AND s.statistic = 'mean' AND s.window_s = :window_s
        AND s.variable IN (:wind, :power)
    JOIN data d ON d.signal_id = s.id AND d.timestamp >= a.start AND d.timestamp < a."end"
    LEFT JOIN quality q ON q.asset = s.asset AND q.variable = s.variable
        AND q.window_s = s.window_s AND q.timestamp = d.timestamp
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN q.count IS NULL THEN :usual * CAST(:usual_share AS float8)
            WHEN q.expected = :usual
                THEN least(q.count, :usual + 1) * CAST(:usual_share AS float8)
            ELSE least(q.count, q.expected + 1) / CAST(greatest(q.expected, 1) AS float8)
        END
    ) AS share(of_window)
    GROUP BY a.asset, s.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigures:
    """`mean_wind` is in the unit of its variable. `energy_kwh` is None if no power was loaded or if
    its unit is not a unit of power. Coverages are shares of the whole time range; the capacity
    factor is that of the time that has power.
    """

    mean_wind: float | None
    wind_coverage: float
    energy_kwh: float | None
    power_coverage: float
    capacity_factor: float | None


def key_figures(
    target: Target, ranges: Mapping[str, TimeRange], settings: DashboardSettings
) -> dict[str, KeyFigures]:
    """The key figures of each asset over its time range."""
    wind, power = settings.wind_variable, settings.power_variable
    sample_share = settings.sampling_period_s / settings.window_s
    params = {
        "usual": max(1, round(1 / sample_share)), "usual_share": min(1.0, sample_share),
        "assets": list(ranges),
        "starts": [time_range.start for time_range in ranges.values()],
        "ends": [time_range.end for time_range in ranges.values()],
        "window_s": settings.window_s, "wind": wind, "power": power,
    }  # fmt: skip
    rows = target.fetch(_MEANS, params) if ranges else []
    means = {(row.asset, row.variable): row for row in rows}
    return {
        asset: _figures(
            means.get((asset, wind)),
            means.get((asset, power)),
            whole=(end - start).total_seconds() / settings.window_s,
            hours=settings.window_s / 3600,
            rated_kw=settings.rated_kw(asset),
        )
        for asset, (start, end) in ranges.items()
    }


def _figures(
    wind: Row[Any] | None,
    power: Row[Any] | None,
    *,
    whole: float,
    hours: float,
    rated_kw: float | None,
) -> KeyFigures:
    """From the means of a time range of `whole` windows of `hours` each."""
    windows = min(power.windows, whole) if power else 0.0
    unit_kw = KW.get(power.unit) if power else None
    energy = power.mean * windows * hours * unit_kw if power and windows and unit_kw else None
    possible = (rated_kw or 0.0) * windows * hours
    return KeyFigures(
        mean_wind=wind.mean if wind else None,
        wind_coverage=round(min(wind.windows / whole, 1.0), SHARE_DIGITS) if wind else 0.0,
        energy_kwh=energy,
        power_coverage=round(windows / whole, SHARE_DIGITS),
        capacity_factor=energy / possible if energy is not None and possible else None,
    )
