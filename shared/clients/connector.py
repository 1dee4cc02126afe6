"""The metadata of the source, over the connector's HTTP API: its response models and a client."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel, Field

from shared.clients.json_client import JsonClient
from shared.clients.settings import ConnectorClientSettings

# The source reads the samples of all requested days: a month of 100 turbines takes seconds.
TIMEOUT_S = 120.0
MAX_DAYS = 31
MAX_DAYS_OF_ASSET = 366
"""The days of which the connector computes fingerprints in one request, of all or one asset."""


class Variable(BaseModel):
    """A numeric column of the source."""

    name: str
    type: str = Field(description="The type in PostgreSQL; the values are delivered as float64")
    unit: str | None = None


class Span(BaseModel):
    """First and last timestamp; null where there are no samples."""

    first: datetime | None
    last: datetime | None


class AssetSpan(Span):
    """First and last timestamp of one asset."""

    asset: str


class Extent(Span):
    """First and last timestamp of the whole source, and of each asset where there are assets."""

    assets: list[AssetSpan]


class DayFingerprints(BaseModel):
    """The fingerprints of one asset's local day: equal samples have equal fingerprints, see
    `shared.domain.fingerprint`.
    """

    asset: str = Field(description="Empty where the source has no assets")
    day: date
    rows: int
    fingerprints: dict[str, str] = Field(
        description="For each variable 16 hexadecimal digits: the sum modulo 2**64 of one hash per "
        "value; all 0 where every value is missing",
        examples=[{"wind_speed": "2ef026341f40c9a2"}],
    )


class ConnectorClient(JsonClient):
    """Reads the metadata of the source; `services.extractor.sample_client` reads the samples."""

    def __init__(
        self,
        settings: ConnectorClientSettings,
        *,
        timeout: httpx.Timeout | float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(
            "connector", str(settings.connector_url), settings.headers,
            timeout=timeout, transport=transport,
        )  # fmt: skip

    def extent(self) -> Extent:
        """First and last timestamp of the source and of each asset."""
        return self.get("/extent", Extent)

    def variables(self) -> list[str]:
        """The names of the source's variables."""
        return [variable.name for variable in self.get("/variables", list[Variable])]

    def assets(self) -> list[str]:
        """The assets of the source; empty where it has no asset column."""
        return self.get("/assets", list[str])

    def fingerprints(
        self,
        first: date,
        last: date,
        *,
        variables: Sequence[str] = (),
        assets: Sequence[str] = (),
    ) -> list[DayFingerprints]:
        """The fingerprints of the days `first` to `last`, both included, ordered by asset and day;
        days without samples are left out. At most `MAX_DAYS` days, or `MAX_DAYS_OF_ASSET` of one
        asset. Without names, all variables or assets.
        """
        end = last + timedelta(days=1)
        params: dict[str, Any] = {"start": first.isoformat(), "end": end.isoformat()}
        if variables:
            params["variables"] = list(variables)
        if any(assets):
            params["asset"] = list(assets)
        return self.get("/fingerprints", list[DayFingerprints], params=params)
