"""The days that a page is about: an asset's last 1, 7, 30 or 365 up to a day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.domain.local_time import local_midnight

LENGTHS = (1, 7, 30, 365)
_DAY = timedelta(days=1)
# Where a page can still go a year back and a day on.
FIRST, LAST = date(1970, 1, 1), date(9998, 12, 31)


@dataclass(frozen=True, slots=True)
class DateRange:
    """Whole local days of a site: `days` of them, `last` included."""

    last: date
    days: int
    zone: ZoneInfo

    @property
    def first(self) -> date:
        return self.last - (self.days - 1) * _DAY

    @property
    def start(self) -> datetime:
        """The first instant."""
        return local_midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return local_midnight(self.last + _DAY, self.zone)

    @property
    def before(self) -> "DateRange":
        return DateRange(max(FIRST, self.last - self.days * _DAY), self.days, self.zone)

    @property
    def after(self) -> "DateRange":
        return DateRange(min(LAST, self.last + self.days * _DAY), self.days, self.zone)

    def at_least(self, days: int) -> "DateRange":
        """The same end, and so many days or more."""
        return DateRange(self.last, max(days, self.days), self.zone)

    def __iter__(self) -> Iterator[date]:
        return (self.first + n * _DAY for n in range(self.days))
