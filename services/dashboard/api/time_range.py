"""What the questions about results have in common: from when to when."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from shared.domain.local_time import end_of_day
from shared.errors import InvalidParameter
from shared.http.query_params import Instant, instant

MAX_SPAN = timedelta(days=3_660)


class TimeRangeQuery(BaseModel):
    """From `start` until `end`."""

    start: Instant = Field(
        description="First instant; a date alone is its midnight in the site's time zone",
        examples=["2025-12-05"],
    )
    end: Instant | None = Field(
        None, description="First instant that is left out; the end of `start`'s day if left out"
    )

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """In UTC; a 422 where nothing is between the two, or too much."""
        start = instant("start", self.start, zone)
        end = end_of_day(start, zone) if self.end is None else instant("end", self.end, zone)
        if not timedelta() < end - start <= MAX_SPAN:
            raise InvalidParameter(
                "end", f"has to be after `start`, by {MAX_SPAN.days} days at most"
            )
        return start, end


def without_nul(names: Sequence[str]) -> Sequence[str]:
    """The names; ValueError where PostgreSQL could not hold one."""
    if any("\x00" in name for name in names):
        raise ValueError("no name has a NUL in it")
    return names
