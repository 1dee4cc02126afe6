"""A job's slices, as the ledger has them, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.dashboard.queries.target import Target

PAGE = 50
# In the order of the key, so that the next page begins where this one ends.
_SLICES = """
    SELECT asset, start, "end", published_at, loaded_at, superseded, rows, windows, present,
           expected, extract_ms, aggregate_ms, load_ms
    FROM etl.slice
    WHERE job_id = :job AND (CAST(:since AS timestamptz) IS NULL
                             OR (asset, start) > (:asset, CAST(:since AS timestamptz)))
    ORDER BY asset, start LIMIT :limit
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow:
    """One slice; what is not known before it is loaded is None. Times in milliseconds."""

    asset: str
    start: datetime
    end: datetime
    published_at: datetime | None
    loaded_at: datetime | None
    superseded: bool
    rows: int | None
    windows: int | None
    present: int | None
    expected: int | None
    extract_ms: float | None
    aggregate_ms: float | None
    load_ms: float | None

    @property
    def coverage(self) -> float | None:
        """Samples found over samples expected."""
        return min(1.0, (self.present or 0) / self.expected) if self.expected else None


def page(
    target: Target, job: int, *, asset: str = "", since: datetime | None = None
) -> tuple[Sequence[SliceRow], bool]:
    """The slices behind this one, and whether there are more than a page of them."""
    values = {"job": job, "asset": asset, "since": since, "limit": PAGE + 1}
    found = [SliceRow(**row._mapping) for row in target.fetch(_SLICES, values)]
    return found[:PAGE], len(found) > PAGE
