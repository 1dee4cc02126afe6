"""Query parameters that several endpoints have: a time range, and lists of names."""

from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field

from shared.domain.local_time import end_of_day
from shared.domain.time_range import TimeRange
from shared.errors import InvalidParameter
from shared.http.query_params import Instant, Listed, instant, parse_list, require_unique

MAX_DURATION = timedelta(days=3_660)


def without_nul(names: list[str]) -> list[str]:
    """The names; ValueError if one has a NUL, which PostgreSQL cannot store."""
    if any("\x00" in name for name in names):
        raise ValueError("a name has no NUL")
    return names


def parse_names(texts: list[str]) -> list[str]:
    """The names of lists that are separated by commas; ValueError if a name appears twice."""
    return without_nul(require_unique(parse_list(texts)))


Names = Annotated[list[Listed], AfterValidator(parse_names)]


class TimeRangeQuery(BaseModel):
    """A half-open time range."""

    start: Instant = Field(
        description="Included. A date means its midnight in the site's time zone",
        examples=["2025-12-05"],
    )
    end: Instant | None = Field(
        None, description="Not included. The end of the day of `start` if left out"
    )

    def time_range(self, zone: ZoneInfo) -> TimeRange:
        """In UTC; a 422 if it is empty or too long."""
        start = instant("start", self.start, zone)
        end = end_of_day(start, zone) if self.end is None else instant("end", self.end, zone)
        if not timedelta() < end - start <= MAX_DURATION:
            raise InvalidParameter(
                "end", f"has to be after `start`, by {MAX_DURATION.days} days at most"
            )
        return TimeRange(start, end)
