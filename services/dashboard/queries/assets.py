"""The assets that have results, the newest window of each, and the units of their variables."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.dashboard.queries.target import Target

_NEWEST = """
    SELECT s.asset, max(d.newest) AS newest
    FROM signal s
    CROSS JOIN LATERAL (SELECT max(timestamp) AS newest FROM data WHERE signal_id = s.id) d
    WHERE s.window_s = :window_s AND d.newest IS NOT NULL
    GROUP BY 1 ORDER BY 1
"""
_UNITS = """
    SELECT DISTINCT ON (variable) variable, unit FROM signal
    WHERE window_s = :window_s AND asset = :asset
    ORDER BY variable, statistic <> 'mean', unit NULLS LAST
"""


@dataclass(frozen=True, slots=True)
class AssetLatest:
    """An asset and the start of its newest window; `asset` is empty if the source has no assets."""

    asset: str
    newest: datetime

    def day(self, zone: ZoneInfo) -> date:
        """The local day of the newest window."""
        return self.newest.astimezone(zone).date()


def latest_by_asset(target: Target, window_s: int) -> list[AssetLatest]:
    """The assets that have windows of this length, by name."""
    rows = target.fetch(_NEWEST, {"window_s": window_s})
    return [AssetLatest(row.asset, row.newest) for row in rows]


def units(target: Target, window_s: int, asset: str) -> dict[str, str | None]:
    """The unit of each variable of the asset. A corrected unit reaches an asset with its next
    load, so the units of two assets may differ.
    """
    rows = target.fetch(_UNITS, {"window_s": window_s, "asset": asset})
    return {row.variable: row.unit for row in rows}
