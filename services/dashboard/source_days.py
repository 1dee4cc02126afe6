"""The days that the source has, asked of the connector."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from services.dashboard.parts import Parts
from shared.errors import Conflict


def newest_day(here: Parts) -> date | None:
    """The site's day of the newest sample; None of an empty source."""
    newest = here.connector.extent().last
    return newest and newest.astimezone(ZoneInfo(here.settings.source_timezone)).date()


def last_days(here: Parts, days: int) -> tuple[date, date]:
    """The first and the last of the last so many days; `Conflict` of an empty source."""
    last = newest_day(here)
    if last is None:
        raise Conflict("the source has no samples yet: there is no last day")
    return last - timedelta(days=days - 1), last
