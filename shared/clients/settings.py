"""Where the services are and which key they want: settings of those who ask them."""

from shared.setting_types import ApiKeys, HttpUrl, split_names
from shared.settings import Settings


class ClientSettings(Settings):
    """The key for the services, if they ask for one."""

    api_key: ApiKeys | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What to send with each request: the first of the active keys."""
        keys = split_names(self.api_key.get_secret_value()) if self.api_key else ()
        # As shared.http.app does it, which would load all of FastAPI into every command.
        return {"Authorization": f"Bearer {keys[0]}"} if keys else {}


class ExtractorClientSettings(ClientSettings):
    """Where jobs are asked for."""

    extractor_url: HttpUrl


class ConnectorClientSettings(ClientSettings):
    """Where the source is seen."""

    connector_url: HttpUrl
