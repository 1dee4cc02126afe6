"""The slices of a job, as the ledger has them, a page at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from services.dashboard.queries.target import Target

PAGE = 50
# Ordered by the key, so that the next page begins where this page ends. Coverage is samples found
# over samples expected. What is known only after loading is null before.
_SLICES = """
    SELECT asset, start, "end", published_at, loaded_at, superseded, unchanged, rows,
           windows,
           least(1.0, CAST(coalesce(present, 0) AS float8) / nullif(expected, 0)) AS coverage,
           extract_ms, aggregate_ms, load_ms
    FROM etl.slice
    WHERE job_id = :job AND (CAST(:since AS timestamptz) IS NULL
                             OR (asset, start) > (:asset, CAST(:since AS timestamptz)))
    ORDER BY asset, start LIMIT :limit
"""


def page(
    target: Target, job: int, *, asset: str = "", since: datetime | None = None
) -> tuple[Sequence[Row[Any]], bool]:
    """The slices after the slice of this asset and start, and whether more follow the page."""
    params = {"job": job, "asset": asset, "since": since, "limit": PAGE + 1}
    slices = target.fetch(_SLICES, params)
    return slices[:PAGE], len(slices) > PAGE
