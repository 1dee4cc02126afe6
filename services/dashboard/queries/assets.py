"""The assets that have results, the latest day of each, and the units of their variables."""

from datetime import date
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


def latest_days(target: Target, window_s: int, zone: ZoneInfo) -> dict[str, date]:
    """The local day of the newest window of each asset that has windows of this length, by name.
    The name is empty if the source has no assets.
    """
    rows = target.fetch(_NEWEST, {"window_s": window_s})
    return {row.asset: row.newest.astimezone(zone).date() for row in rows}


def units(target: Target, window_s: int, asset: str) -> dict[str, str | None]:
    """The unit of each variable of the asset. A corrected unit reaches an asset with its next
    load, so the units of two assets may differ.
    """
    rows = target.fetch(_UNITS, {"window_s": window_s, "asset": asset})
    return {row.variable: row.unit for row in rows}
