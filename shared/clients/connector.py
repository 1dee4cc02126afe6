"""What the source has: asked of the connector."""

from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.clients.json_client import JsonClient
from shared.clients.settings import ConnectorClientSettings
from shared.errors import MinuanoError

# The samples of the days asked for are read: a month of a hundred turbines takes seconds.
TIMEOUT_S = 120.0
MAX_DAYS = 31


class DayFingerprints(BaseModel):
    """The fingerprints of one asset's local day, by variable; see `shared.domain.fingerprint`."""

    asset: str
    day: date
    rows: int
    fingerprints: dict[str, str]


class Extent(BaseModel):
    """First and last stamp of the source; null where it is empty."""

    first: datetime | None
    last: datetime | None


_DAY_FINGERPRINTS = TypeAdapter(list[DayFingerprints])


class ConnectorClient:
    """Asks for what the source has; samples in bulk are not for this client."""

    def __init__(self, access: ConnectorClientSettings, *, timeout_s: float = TIMEOUT_S) -> None:
        self.client = JsonClient(
            "connector", str(access.connector_url), access.headers, timeout_s=timeout_s
        )

    def check(self) -> None:
        """Raise `Outage` unless it is ready."""
        self.client.check()

    def close(self) -> None:
        """Close what is idle."""
        self.client.close()

    def extent(self) -> Extent:
        """From when to when the source has samples."""
        return Extent.model_validate(self.client.json("GET", "/extent"))

    def variables(self) -> list[str]:
        """The names of the source's variables."""
        return [each["name"] for each in self.client.json("GET", "/variables")]

    def assets(self) -> list[str]:
        """The assets of the source; empty where it has no asset column."""
        assets: list[str] = self.client.json("GET", "/assets")
        return assets

    def fingerprints(
        self, first: date, last: date, *, variables: tuple[str, ...] = ()
    ) -> list[DayFingerprints]:
        """What the source has on the days `first` to `last`, both included: only days with
        samples, ordered by asset and day.
        """
        end = last + timedelta(days=1)
        query: dict[str, Any] = {"start": first.isoformat(), "end": end.isoformat()}
        if variables:
            query["variables"] = list(variables)
        answer = self.client.json("GET", "/fingerprints", params=query)
        try:
            return _DAY_FINGERPRINTS.validate_python(answer)
        except ValidationError:
            raise MinuanoError("the connector's /fingerprints have another shape") from None
