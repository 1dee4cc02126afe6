"""The last days of the source."""

from datetime import timedelta

from services.dashboard.settings import DashboardSettings
from shared.clients.connector import ConnectorClient
from shared.domain.time_range import DateRange
from shared.errors import Conflict


def last_days(connector: ConnectorClient, settings: DashboardSettings, days: int) -> DateRange:
    """The last `days` local days, up to the newest sample; `Conflict` if the source is empty."""
    newest = connector.extent().last
    if newest is None:
        raise Conflict("the source has no samples yet, so it has no last day")
    last = settings.sample_start(newest).astimezone(settings.zone).date()
    return DateRange(last - timedelta(days=days - 1), last)
