"""Settings of clients: the URLs of the services and the API key that they need."""

from pydantic import Field

from shared.setting_types import HttpUrl, split_names
from shared.settings import ApiKeySettings


class ClientSettings(ApiKeySettings):
    """The API key for the services, if they need one."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each request: the first of the active keys."""
        keys = split_names(self.api_key.get_secret_value()) if self.api_key else ()
        return {"Authorization": f"Bearer {keys[0]}"} if keys else {}


class ExtractorClientSettings(ClientSettings):
    """The extractor, which accepts jobs."""

    extractor_url: HttpUrl = Field(
        examples=["http://localhost:8001"],
        description="URL of the extractor for the dashboard, Dagster and the command line.",
    )


class ConnectorClientSettings(ClientSettings):
    """The connector, which reads the source."""

    connector_url: HttpUrl = Field(
        examples=["http://localhost:8000"],
        description="URL of the connector for the extractor, the dashboard, Dagster and the "
        "command line.",
    )
