"""What of a job's days stands in the target already, before the job is asked for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from services.dashboard.queries.coverage import State, combined, coverage
from services.dashboard.queries.target import Target
from shared.domain.job_request import JobRequest

MAX_DAYS = 366
"""Of a longer job only the last are looked at."""


@dataclass(frozen=True, slots=True)
class AssetPreview:
    """One asset's days, in order."""

    asset: str
    states: Sequence[State]

    def count(self, state: State) -> int:
        """How many days are in this state."""
        return self.states.count(state)


@dataclass(frozen=True, slots=True)
class JobPreview:
    """Assets × days, both as far as they were looked at."""

    days: Sequence[date]
    all_days: int
    assets: Sequence[AssetPreview]

    @property
    def total(self) -> Counter[State]:
        """Over all assets."""
        return Counter(state for asset in self.assets for state in asset.states)


def job_preview(
    target: Target, request: JobRequest, zone: ZoneInfo, *, window_s: int, known: Sequence[str]
) -> JobPreview:
    """A day is complete where it is so for all variables asked for, and missing where it is so for
    all; `known` are the assets that a job without any is about, else those of the target.
    """
    all_days = (request.last - request.first).days + 1
    first = max(request.first, request.last - timedelta(days=MAX_DAYS - 1))
    seen: dict[tuple[str, date], set[State]] = {}
    for variable in request.variables:
        for cell in coverage(
            target, first, request.last, zone, window_s=window_s, variable=variable
        ):
            seen.setdefault((cell.asset, cell.day), set()).add(cell.state)
    assets = request.assets or known or sorted({asset for asset, _ in seen}) or [""]
    days = [first + timedelta(days=n) for n in range((request.last - first).days + 1)]
    found = [
        AssetPreview(asset, [combined(seen.get((asset, day), set())) for day in days])
        for asset in assets
    ]
    return JobPreview(days, all_days, found)
