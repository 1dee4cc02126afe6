"""How much of a job's days is loaded already, shown before the job is requested."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from services.dashboard.queries.coverage import State, coverage
from services.dashboard.queries.local_days import LocalDays
from services.dashboard.queries.target import Target
from shared.domain.job_request import JobRequest
from shared.domain.time_range import ONE_DAY, DateRange

MAX_DAYS = 366
"""Of a longer job only the last days are examined."""


@dataclass(frozen=True, slots=True)
class AssetPreview:
    """The state of each day of one asset, in order."""

    asset: str
    states: Sequence[State]


@dataclass(frozen=True, slots=True)
class JobPreview:
    """The days and assets that were examined; `all_days` is the number of days of the job."""

    days: Sequence[date]
    all_days: int
    assets: Sequence[AssetPreview]

    @property
    def total(self) -> Counter[State]:
        """How many days of all assets are in each state."""
        return Counter(state for asset in self.assets for state in asset.states)


def job_preview(
    target: Target,
    request: JobRequest,
    zone: ZoneInfo,
    *,
    window_s: int,
    source_assets: Sequence[str],
) -> JobPreview:
    """A day is complete if it is complete for all requested variables, and none if it is none for
    all. A job that names no assets includes those of the source, else those of the target.
    """
    first = max(request.first, request.last - (MAX_DAYS - 1) * ONE_DAY)
    days = LocalDays(first, request.last, zone)
    loaded = coverage(target, days, window_s=window_s, variables=request.variables)
    nothing: list[State] = ["none"] * len(days)
    previews = [
        AssetPreview(asset, [day.state for day in loaded[asset]] if asset in loaded else nothing)
        for asset in request.assets or source_assets or list(loaded) or [""]
    ]
    return JobPreview(list(days), len(DateRange(request.first, request.last)), previews)
