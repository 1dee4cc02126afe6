"""The assets that have results, the latest day of each, and the units of their variables."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from services.dashboard.queries.target import Target

# Signals are looked up in the primary key of `data`, until the first that has a value.
_NAMES = """
    SELECT asset FROM (
        SELECT asset, min(id) AS first_id FROM signal WHERE window_s = :window_s
        GROUP BY asset ORDER BY asset
    ) AS a
    WHERE (SELECT true FROM data WHERE signal_id = a.first_id LIMIT 1) OR EXISTS (
        SELECT FROM signal s
        CROSS JOIN LATERAL (SELECT FROM data WHERE signal_id = s.id LIMIT 1) AS d
        WHERE s.asset = a.asset AND s.window_s = :window_s
    )
    ORDER BY asset LIMIT :most
"""
_NEWEST = """
    SELECT s.asset, max(d.newest) AS newest
    FROM signal s
    CROSS JOIN LATERAL (SELECT max(timestamp) AS newest FROM data WHERE signal_id = s.id) d
    WHERE s.window_s = :window_s AND d.newest IS NOT NULL
    AND (:all OR s.asset = ANY (CAST(:assets AS text[])))
    GROUP BY 1 ORDER BY 1
"""
_NEWEST_LOAD = """
    SELECT start + ("end" - start) / 2 AS middle FROM etl.slice
    WHERE loaded_at IS NOT NULL AND windows > 0 AND window_s = :window_s
    ORDER BY start DESC LIMIT 1
"""
_UNITS = """
    SELECT DISTINCT ON (variable) variable, unit FROM signal
    WHERE window_s = :window_s AND asset = :asset
    ORDER BY variable, statistic <> 'mean', unit NULLS LAST
"""


def names(target: Target, window_s: int, *, most: int | None = None) -> list[str]:
    """The assets that have windows of this length, by name; only the first `most` of them if it is
    given. The name is empty if the source has no assets.
    """
    return [row.asset for row in target.fetch(_NAMES, {"window_s": window_s, "most": most})]


def latest_days(
    target: Target, window_s: int, zone: ZoneInfo, assets: Sequence[str] | None = None
) -> dict[str, date]:
    """The local day of the newest window of each of the assets that has windows of this length, by
    name; by default of all.
    """
    params = {"window_s": window_s, "all": assets is None, "assets": list(assets or ())}
    rows = target.fetch(_NEWEST, params)
    return {row.asset: row.newest.astimezone(zone).date() for row in rows}


def latest_loaded_day(target: Target, window_s: int, zone: ZoneInfo) -> date | None:
    """The newest local day of which a slice with windows was loaded."""
    rows = target.fetch(_NEWEST_LOAD, {"window_s": window_s})
    return rows[0].middle.astimezone(zone).date() if rows else None


def units(target: Target, window_s: int, asset: str) -> dict[str, str | None]:
    """The unit of each variable of the asset. A corrected unit reaches an asset with its next
    load, so the units of two assets may differ.
    """
    rows = target.fetch(_UNITS, {"window_s": window_s, "asset": asset})
    return {row.variable: row.unit for row in rows}
