"""The days that the source has, by its newest stamp."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from services.dashboard.dependencies import Dependencies
from shared.errors import Conflict


def last_days(here: Dependencies, days: int) -> tuple[date, date]:
    """The first and the last of the site's last so many days; `Conflict` of an empty source."""
    newest = here.connector.extent().last
    if newest is None:
        raise Conflict("the source has no samples yet: there is no last day")
    began = here.settings.sample_began(newest)
    last = began.astimezone(ZoneInfo(here.settings.source_timezone)).date()
    return last - timedelta(days=days - 1), last
