"""What the connector can be told."""

from pydantic import Field

from shared.setting_types import PostgresUrl
from shared.settings import ServiceSettings, SourceSettings


class ConnectorSettings(ServiceSettings, SourceSettings):
    """The source, and how much of it one request may take."""

    source_url: PostgresUrl
    source_connections: int = Field(default=8, ge=1, le=100)
    source_timeout_s: float = Field(default=60.0, gt=0)
    default_page_rows: int = Field(default=10_000, ge=1)
    max_page_rows: int = Field(default=50_000, ge=1)

    @property
    def default_limit(self) -> int:
        """Rows of a page when the request does not say."""
        return min(self.default_page_rows, self.max_page_rows)
