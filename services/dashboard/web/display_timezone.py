"""The time zone of the times on a page: UTC or the zone of the site, as the reader chooses."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

COOKIE = "minuano_timezone"
CHOICES = ("site", "utc")


@dataclass(frozen=True, slots=True)
class DisplayTimezone:
    """Formats times. Days are always those of the site, because jobs consist of them."""

    choice: str
    site: ZoneInfo

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the times; its name is shown beside every time."""
        return ZoneInfo("UTC") if self.choice == "utc" else self.site

    def minute(self, at: datetime) -> str:
        """`2025-12-05 00:10`"""
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")

    def second(self, at: datetime) -> str:
        """`2025-12-05 00:10:07`"""
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")


def choose_timezone(cookie: str | None, site: str) -> DisplayTimezone:
    """The choice in the cookie; by default the zone of the site."""
    return DisplayTimezone(cookie if cookie in CHOICES else CHOICES[0], ZoneInfo(site))
