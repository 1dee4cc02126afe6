"""Key figures of assets over some time: energy, mean wind, capacity factor.

Energy is Σ power × sampling period over the samples that are there, and comes with its coverage: a
gap is not filled. Of a window that is not perfect, `quality` tells how many samples it had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.dashboard.queries.coverage import SHARE_DIGITS
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings

KW = {"W": 1e-3, "kW": 1.0, "MW": 1e3, None: 1.0}
"""What a unit of power is in kW; without a unit it is taken for kW."""

# A sample more than expected is its neighbour's, by a stamp a little early or late; still more do
# not make a window longer, and all windows together are no longer than the time. Where the period
# does not divide the window, as many as are expected last a little longer or shorter than it.
_SUMS = """
    SELECT a.asset, s.variable, min(s.unit) AS unit, sum(d.value * share.of_window) AS weighted,
           sum(share.of_window) AS windows
    FROM unnest(CAST(:assets AS text[]), CAST(:starts AS timestamptz[]),
                CAST(:ends AS timestamptz[])) AS a(asset, start, "end")
    JOIN signal s ON s.asset = a.asset AND s.statistic = 'mean' AND s.window_s = :window_s
        AND s.variable IN (:wind, :power)
    JOIN data d ON d.signal_id = s.id AND d.timestamp >= a.start AND d.timestamp < a."end"
    LEFT JOIN quality q ON q.asset = s.asset AND q.variable = s.variable
        AND q.window_s = s.window_s AND q.timestamp = d.timestamp
    CROSS JOIN LATERAL (
        SELECT least(coalesce(q.count, :usual), coalesce(q.expected, :usual) + 1)
            * CASE WHEN coalesce(q.expected, :usual) = :usual THEN CAST(:usual_share AS float8)
                   ELSE 1.0 / greatest(q.expected, 1) END
    ) AS share(of_window)
    GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class AssetRange:
    """An asset from `start` until `end`."""

    asset: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigures:
    """`mean_wind` in the unit of its variable; `energy_kwh` None where nothing was loaded, or where
    power is in no unit of power. Coverages are shares of the whole stretch; the capacity factor is
    that of the time for which there is power.
    """

    mean_wind: float | None
    wind_coverage: float
    energy_kwh: float | None
    power_coverage: float
    capacity_factor: float | None


def key_figures(
    target: Target,
    stretches: Sequence[AssetRange],
    settings: DashboardSettings,
) -> list[KeyFigures]:
    """Those of each stretch; no asset may be there twice."""
    wind, power = settings.wind_variable, settings.power_variable
    share = settings.sampling_period_s / settings.window_s
    values = {
        "usual": max(1, round(1 / share)), "usual_share": min(1.0, share),
        "assets": [each.asset for each in stretches],
        "starts": [each.start for each in stretches],
        "ends": [each.end for each in stretches],
        "window_s": settings.window_s, "wind": wind, "power": power,
    }  # fmt: skip
    rows = target.fetch(_SUMS, values) if stretches else []
    sums = {(row.asset, row.variable): _Sum(row.weighted, row.windows, row.unit) for row in rows}
    return [
        _figures(
            sums.get((each.asset, wind), _NOTHING),
            sums.get((each.asset, power), _NOTHING),
            whole=(each.end - each.start).total_seconds() / settings.window_s,
            hours=settings.window_s / 3600,
            rated_kw=settings.rated_kw(each.asset),
        )
        for each in stretches
    ]


@dataclass(frozen=True, slots=True)
class _Sum:
    """Means weighted by the share of their window that has samples, the sum of the shares, and the
    unit of the means.
    """

    weighted: float
    windows: float
    unit: str | None

    def within(self, whole: float) -> "_Sum":
        """The same where the source has more samples than it was said to have."""
        excess = max(1.0, self.windows / whole)
        return _Sum(self.weighted / excess, self.windows / excess, self.unit)


_NOTHING = _Sum(0.0, 0.0, None)


def _figures(
    wind: _Sum,
    power: _Sum,
    *,
    whole: float,
    hours: float,
    rated_kw: float | None,
) -> KeyFigures:
    wind, power, in_kw = wind.within(whole), power.within(whole), KW.get(power.unit)
    energy = power.weighted * hours * in_kw if power.windows and in_kw else None
    possible = (rated_kw or 0.0) * power.windows * hours
    return KeyFigures(
        mean_wind=wind.weighted / wind.windows if wind.windows else None,
        wind_coverage=round(wind.windows / whole, SHARE_DIGITS),
        energy_kwh=energy,
        power_coverage=round(power.windows / whole, SHARE_DIGITS),
        capacity_factor=energy / possible if energy is not None and possible else None,
    )
