"""What the dashboard can be told."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat

from shared.clients.settings import ConnectorClientSettings, ExtractorClientSettings
from shared.setting_types import JSON, PostgresUrl, split_names
from shared.settings import (
    RedisSettings,
    ServiceSettings,
    SourceSettings,
    StatisticsSettings,
    TargetSettings,
)


class DashboardSettings(
    ServiceSettings,
    RedisSettings,
    TargetSettings,
    SourceSettings,
    StatisticsSettings,
    ConnectorClientSettings,
    ExtractorClientSettings,
):
    """Where everything is; `api_key` signs people in, and is what it sends to other services."""

    target_connections: int = Field(default=8, ge=1, le=100)
    wind_variable: str = Field(default="wind_speed", min_length=1)
    power_variable: str = Field(default="power", min_length=1)
    """In kW unless the unit of its signals says otherwise."""
    rated_power_kw: Annotated[dict[str, PositiveFloat], *JSON] = Field(default_factory=dict)
    """By asset, `*` for all others. Capacity factors need it."""
    sample_data_url: PostgresUrl | None = None
    """The owner of a source that may be filled with sample data; without it none is made."""
    session_hours: float = Field(default=12.0, gt=0)
    log_folder: Path | None = None
    """Where the services' logs are, as files; without it a job's page says how to find them."""

    def rated_kw(self, asset: str) -> float | None:
        """The rated power of an asset, where one is set."""
        return self.rated_power_kw.get(asset, self.rated_power_kw.get("*"))

    @property
    def circular_names(self) -> tuple[str, ...]:
        """The variables that are directions."""
        return split_names(self.circular_variables)

    def sample_began(self, stamp: datetime) -> datetime:
        """When the sample with this stamp began: a day's last may be stamped in the next day."""
        by_end = self.source_timestamp_label == "end"
        return stamp - timedelta(seconds=self.sampling_period_s) if by_end else stamp
