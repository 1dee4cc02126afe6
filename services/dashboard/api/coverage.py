"""`GET /api/coverage`: how much of each asset's day is loaded."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.dashboard.api.time_range import Names
from services.dashboard.dependencies import Deps
from services.dashboard.queries.coverage import DayCoverage, coverage
from services.dashboard.queries.local_days import LocalDays
from shared.domain.job_request import CalendarDate
from shared.domain.time_range import ONE_DAY
from shared.errors import InvalidParameter
from shared.http.problem_details import openapi_responses
from shared.http.query_params import allow_only

MAX_DAYS = 366

router = APIRouter(prefix="/api", tags=["results"])


class CoverageQuery(BaseModel):
    """Local days of the site."""

    start: CalendarDate = Field(description="The first day", examples=["2025-12-01"])
    end: CalendarDate | None = Field(
        None,
        description=f"The day after the last, at most {MAX_DAYS} days after `start`; "
        "the day after `start` if left out",
    )
    variables: Names = Field(
        default_factory=list,
        description="Repeated or separated by commas. A day is complete if it is complete for all "
        "of them; left out, for all variables that were loaded",
    )  # fmt: skip

    def days(self, zone: ZoneInfo) -> LocalDays:
        """A 422 unless there are 1 to `MAX_DAYS` days."""
        end = self.start + ONE_DAY if self.end is None else self.end
        count = (end - self.start).days
        if not 0 < count <= MAX_DAYS:
            raise InvalidParameter("end", f"1 to {MAX_DAYS} days are allowed; this makes {count}")
        return LocalDays(self.start, end - ONE_DAY, zone)


class AssetDays(BaseModel):
    """The requested days of one asset, in order."""

    asset: str = Field(description="Empty if the source has no assets")
    days: list[DayCoverage]


class CoverageOut(BaseModel):
    """Assets × days."""

    timezone: str
    assets: list[AssetDays]


@router.get(
    "/coverage",
    dependencies=[Depends(allow_only("start", "end", several=["variables"]))],
    responses=openapi_responses(422, 503),
)
def get_coverage(deps: Deps, query: Annotated[CoverageQuery, Query()]) -> CoverageOut:
    """For each local day of each asset: how much was loaded, the share of the expected samples, and
    the newest job.
    """
    days = query.days(deps.settings.zone)
    by_asset = coverage(
        deps.target, days, window_s=deps.settings.window_s, variables=query.variables
    )
    assets = [AssetDays(asset=asset, days=cells) for asset, cells in by_asset.items()]
    return CoverageOut(timezone=days.zone.key, assets=assets)
