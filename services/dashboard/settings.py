"""What the dashboard can be told."""

from typing import Annotated

from pydantic import Field

from shared.clients.access import ConnectorAccess, ExtractorAccess
from shared.setting_types import JSON, PostgresUrl
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
    ConnectorAccess,
    ExtractorAccess,
):
    """Where everything is; `api_key` signs people in, and is what it sends to other services."""

    target_connections: int = Field(default=8, ge=1, le=100)
    rated_power_kw: Annotated[dict[str, float], *JSON] = Field(default_factory=dict)
    """By asset, `*` for all others. Capacity factors need it."""
    sample_data_url: PostgresUrl | None = None
    """The owner of a source that may be filled with sample data; without it none is made."""
    session_hours: float = Field(default=12.0, gt=0)
