"""Settings of the dashboard."""

from pathlib import Path

from pydantic import Field, PositiveFloat

from shared.clients.settings import ConnectorClientSettings, ExtractorClientSettings
from shared.http.settings import HttpSettings
from shared.setting_types import FromJson, PostgresUrl, Tuning
from shared.settings import (
    RedisSettings,
    SourceSettings,
    StatisticsSettings,
    TargetSettings,
    VariablesSettings,
)


class DashboardSettings(
    HttpSettings,
    RedisSettings,
    TargetSettings,
    SourceSettings,
    VariablesSettings,
    StatisticsSettings,
    ConnectorClientSettings,
    ExtractorClientSettings,
):
    """The dashboard. People sign in with an API key; it sends the first key to other services."""

    wind_variable: str = Field(
        default="wind_speed", min_length=1, description="Variable that is the wind speed."
    )
    power_variable: str = Field(
        default="power",
        min_length=1,
        description="Variable that is the power, in kW unless MINUANO_UNITS says W or MW.",
    )
    rated_power_kw: FromJson[dict[str, PositiveFloat]] = Field(
        default_factory=dict,
        description="Rated power of turbines in kW, as JSON such as "
        '{"T01": 3450, "*": 2000}; "*" means all others, also a turbine without a name. '
        "Capacity factors need it.",
    )
    target_connections: Tuning[int] = Field(
        default=8,
        ge=1,
        le=100,
        description="Number of connections to the target that the dashboard keeps open, 1 to 100. "
        "It opens twice as many at most.",
    )
    sample_data_url: Tuning[PostgresUrl | None] = Field(
        default=None,
        description="URL of a source as the owner of its table, if the dashboard may write sample "
        "data there. Leave it empty for a production database.",
    )
    session_hours: Tuning[float] = Field(
        default=12.0,
        gt=0,
        le=8_760,
        description="Hours after which a person must sign in again, at most 8,760: a year.",
    )
    log_folder: Tuning[Path | None] = Field(
        default=None,
        description="Folder of the log files of the services (*.log), from which the page of a job "
        "shows the lines about it. Docker Compose has no such folder: see `docker compose logs`.",
    )

    def rated_kw(self, asset: str) -> float | None:
        """The rated power of an asset in kW, if one is set."""
        return self.rated_power_kw.get(asset, self.rated_power_kw.get("*"))
