"""Whole local days of a site, as a page shows them."""

from dataclasses import dataclass
from datetime import date
from typing import Self
from zoneinfo import ZoneInfo

from shared.domain.local_time import local_midnight
from shared.domain.time_range import ONE_DAY, DateRange, TimeRange

LENGTHS = (1, 7, 30, 365)
FIRST, LAST = date(1970, 1, 1), date(9998, 12, 31)
"""The limits of a page's last day: a page links to the days before and after it."""


@dataclass(frozen=True, slots=True)
class LocalDays(DateRange):
    """A range of dates in the time zone of the site."""

    zone: ZoneInfo

    @classmethod
    def ending(cls, last: date, days: int, zone: ZoneInfo) -> Self:
        """`days` days, of which `last` is the last."""
        return cls(last - (days - 1) * ONE_DAY, last, zone)

    @property
    def time_range(self) -> TimeRange:
        """From the first midnight to the midnight after the last day, in UTC."""
        after_last = local_midnight(self.last + ONE_DAY, self.zone)
        return TimeRange(local_midnight(self.first, self.zone), after_last)

    @property
    def before(self) -> "LocalDays":
        """As many days before these."""
        return LocalDays.ending(max(FIRST, self.last - len(self) * ONE_DAY), len(self), self.zone)

    @property
    def after(self) -> "LocalDays":
        """As many days after these."""
        return LocalDays.ending(min(LAST, self.last + len(self) * ONE_DAY), len(self), self.zone)
