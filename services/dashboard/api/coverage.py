"""`GET /api/coverage`: which days stand in the target, as a matrix."""

from datetime import date, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.dashboard.dependencies import Deps
from services.dashboard.queries.coverage import DayCoverage, State, coverage
from shared.domain.job_request import CalendarDate
from shared.errors import InvalidParameter
from shared.http.problem_details import openapi_responses
from shared.http.query_params import allow_only

MAX_DAYS = 366
_DAY = timedelta(days=1)

router = APIRouter(prefix="/api", tags=["results"])


class DaysQuery(BaseModel):
    """Whole days of the site's zone."""

    start: CalendarDate = Field(
        description="The first day, in the site's time zone", examples=["2025-12-01"]
    )
    end: CalendarDate | None = Field(
        None,
        description=f"The day after the last, at most {MAX_DAYS} days after `start`; "
        "the day after `start` if left out",
    )
    variable: str | None = Field(
        None, min_length=1, max_length=63, pattern=r"^[^\x00-\x1f]+$",
        description="Count only what was loaded of this variable",
    )  # fmt: skip

    def span(self) -> tuple[date, date]:
        """First and last day."""
        end = self.end if self.end is not None else self.start + _DAY
        count = (end - self.start).days
        if not 0 < count <= MAX_DAYS:
            raise InvalidParameter("end", f"1 to {MAX_DAYS} days are allowed; this makes {count}")
        return self.start, end - _DAY


class Day(BaseModel):
    """One asset's day."""

    day: date
    state: State = Field(
        description="`none`: no sample was found, or nobody looked; `partial`: some are missing, "
        "or a part of the day was not loaded; `complete`: all that are expected"
    )
    coverage: float | None = Field(description="Samples found over samples expected")
    windows: int = Field(description="Windows with a value")
    job: int | None = Field(description="The newest job that asked for this day")
    job_state: str | None

    @classmethod
    def of(cls, cell: DayCoverage) -> Self:
        return cls(
            day=cell.day, state=cell.state, coverage=cell.coverage, windows=cell.windows,
            job=cell.job, job_state=cell.job_state,
        )  # fmt: skip


class AssetDays(BaseModel):
    """All days asked for, in order."""

    asset: str = Field(description="Empty where the source has no assets")
    days: list[Day]


class CoverageOut(BaseModel):
    """Days × assets."""

    timezone: str
    assets: list[AssetDays]


@router.get(
    "/coverage",
    dependencies=[Depends(allow_only("start", "end", "variable"))],
    responses=openapi_responses(422, 503),
)
def matrix(deps: Deps, query: Annotated[DaysQuery, Query()]) -> CoverageOut:
    """Of every asset's day in the site's zone: whether it was loaded, from how many of the samples
    that are expected, and the newest job that asked for it.
    """
    first, last = query.span()
    zone = ZoneInfo(deps.settings.source_timezone)
    found: dict[str, list[Day]] = {}
    for cell in coverage(
        deps.target, first, last, zone,
        window_s=deps.settings.window_s, variable=query.variable,
    ):  # fmt: skip
        found.setdefault(cell.asset, []).append(Day.of(cell))
    assets = [AssetDays(asset=asset, days=days) for asset, days in found.items()]
    return CoverageOut(timezone=zone.key, assets=assets)
