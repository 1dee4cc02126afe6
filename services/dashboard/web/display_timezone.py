"""The time zone of the times on a page: UTC or the zone of the site, as the reader chooses."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

COOKIE = "minuano_timezone"
CHOICES = ("site", "utc")


@dataclass(frozen=True, slots=True)
class DisplayTimezone:
    """Formats times. Days are always those of the site, because jobs consist of them."""

    choice: str
    site: ZoneInfo

    @property
    def zone(self) -> tzinfo:
        return UTC if self.choice == "utc" else self.site

    @property
    def label(self) -> str:
        """The name of the zone, shown beside every time."""
        return "UTC" if self.choice == "utc" else self.site.key

    def minute(self, at: datetime) -> str:
        """`2025-12-05 00:10`"""
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")

    def second(self, at: datetime) -> str:
        """`2025-12-05 00:10:07`"""
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")


def choose_timezone(cookie: str | None, site: str) -> DisplayTimezone:
    """The choice in the cookie; by default the zone of the site."""
    return DisplayTimezone(cookie if cookie in CHOICES else CHOICES[0], ZoneInfo(site))
