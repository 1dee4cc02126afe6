"""Settings of the connector."""

from pydantic import Field

from shared.http.settings import HttpSettings
from shared.setting_types import Tuning
from shared.settings import SourceSettings, SourceUrlSettings

DEFAULT_PAGE_ROWS = 10_000


class ConnectorSettings(HttpSettings, SourceSettings, SourceUrlSettings):
    """The connector: the source, and the limits of one request."""

    source_connections: Tuning[int] = Field(
        default=8,
        ge=1,
        le=100,
        description="Number of connections to the source that read samples, 1 to 100. Up to four "
        "more read its columns.",
    )
    source_timeout_s: Tuning[float] = Field(
        default=60.0, ge=0.001, description="Seconds that one query of the source may take."
    )
    max_page_rows: Tuning[int] = Field(
        default=50_000,
        ge=1,
        description="Number of rows in a page at most. Only a snapshot of one turbine, which is "
        "never divided, may have more: a day, or a slice of a long day.",
    )

    @property
    def default_limit(self) -> int:
        """The number of rows in a page if the request has no `limit`."""
        return min(DEFAULT_PAGE_ROWS, self.max_page_rows)
