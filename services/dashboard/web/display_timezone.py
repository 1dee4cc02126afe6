"""Times on the pages: in UTC or in the site's zone, whichever was chosen, and always labelled."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

COOKIE = "minuano_clock"
CHOICES = ("site", "utc")


@dataclass(frozen=True, slots=True)
class DisplayTimezone:
    """How instants are shown. Days are always the site's: jobs are cut that way."""

    choice: str
    site: ZoneInfo

    @property
    def zone(self) -> tzinfo:
        return UTC if self.choice == "utc" else self.site

    @property
    def label(self) -> str:
        """What stands beside every time."""
        return "UTC" if self.choice == "utc" else self.site.key

    def time(self, instant: datetime) -> str:
        """`2025-12-05 00:10`, in the chosen zone."""
        return instant.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")

    def second(self, instant: datetime) -> str:
        """`2025-12-05 00:10:07`, in the chosen zone."""
        return instant.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def today(self) -> date:
        """The site's day."""
        return datetime.now(self.site).date()


def choose_timezone(cookie: str | None, site: str) -> DisplayTimezone:
    """What was chosen by hand, else the site's zone."""
    return DisplayTimezone(cookie if cookie in CHOICES else CHOICES[0], ZoneInfo(site))
