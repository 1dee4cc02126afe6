"""How much of a job's days is loaded already, shown before the job is requested."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from zoneinfo import ZoneInfo

from services.dashboard.queries.coverage import State, coverage
from services.dashboard.queries.local_days import LocalDays
from services.dashboard.queries.target import Target
from shared.domain.job_request import ALL_VARIABLES, JobRequest
from shared.domain.time_range import ONE_DAY, DateRange

MAX_DAYS = 366
"""Of a longer job only the last days are examined."""


@dataclass(frozen=True, slots=True)
class JobPreview:
    """The state of each asset's day, for the `days` that were examined of `all_days` of the job."""

    days: Sequence[date]
    all_days: int
    assets: Mapping[str, Sequence[State]]

    @property
    def total(self) -> Counter[State]:
        """How many days of all assets are in each state."""
        return Counter(chain.from_iterable(self.assets.values()))


def job_preview(
    target: Target,
    request: JobRequest,
    zone: ZoneInfo,
    *,
    window_s: int,
    source_assets: Sequence[str],
    source_variables: Sequence[str],
) -> JobPreview:
    """A day is complete if it is complete for all requested variables, and none if it is none for
    all. A job that names no assets includes those of the source, else those of the target.
    """
    first = max(request.first, request.last - (MAX_DAYS - 1) * ONE_DAY)
    days = LocalDays(first, request.last, zone)
    variables = source_variables if request.variables == ALL_VARIABLES else request.variables
    loaded = coverage(target, days, window_s=window_s, variables=variables)
    nothing: list[State] = ["none"] * len(days)
    assets = request.assets or source_assets or list(loaded) or [""]
    states = {
        asset: [day.state for day in loaded[asset]] if asset in loaded else nothing
        for asset in assets
    }
    return JobPreview(list(days), len(DateRange(request.first, request.last)), states)
