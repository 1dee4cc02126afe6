"""The source's variables, assets and extent, as the connector reports them, cached for a minute."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.dashboard.monitoring.pipeline_sampler import PipelineSampler
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings
from shared.clients.connector import ConnectorClient, Extent
from shared.errors import MinuanoError, Unavailable

CACHE_S = 60.0
CACHE_UNAVAILABLE_S = 5.0
CONNECTOR_TIMEOUT_S = 5.0
_SIGNALS = "SELECT DISTINCT asset, variable FROM signal"


@dataclass(frozen=True, slots=True)
class CatalogSnapshot:
    """The names that a job can request. `newest` is the start of the newest sample. If the
    connector is unavailable, `away` is its error and the names are those of the target.
    """

    variables: Sequence[str]
    assets: Sequence[str]
    extent: Extent | None = None
    newest: datetime | None = None
    away: str | None = None


class SourceOverview:
    """Queries the connector from one thread at a time, and not while it is known to be away."""

    def __init__(
        self, settings: DashboardSettings, target: Target, sampler: PipelineSampler
    ) -> None:
        self._connector = ConnectorClient(settings, timeout=CONNECTOR_TIMEOUT_S)
        self._settings, self._target, self._sampler = settings, target, sampler
        self._lock = threading.Lock()
        self._cached: CatalogSnapshot | None = None
        self._expires = 0.0

    def now(self) -> CatalogSnapshot:
        """The cached snapshot, also an expired one while another thread fetches the next."""
        cached = self._cached
        if cached and self._lock.locked():
            return cached
        with self._lock:
            if self._cached is None or time.monotonic() >= self._expires:
                self._cached, cache_s = self._fetch()
                self._expires = time.monotonic() + cache_s
            return self._cached

    def close(self) -> None:
        """Close idle connections."""
        self._connector.close()

    def _fetch(self) -> tuple[CatalogSnapshot, float]:
        try:
            return self._of_source(), CACHE_S
        except MinuanoError as error:
            return self._of_target(str(error)), CACHE_UNAVAILABLE_S

    def _of_source(self) -> CatalogSnapshot:
        reachability = self._sampler.latest().connector
        if reachability.state == "unavailable":
            raise Unavailable(reachability.error or "")
        extent = self._connector.extent()
        return CatalogSnapshot(
            variables=sorted(self._connector.variables()),
            assets=sorted(self._connector.assets()),
            extent=extent,
            newest=extent.last - self._settings.label_offset if extent.last else None,
        )

    def _of_target(self, error: str) -> CatalogSnapshot:
        try:
            rows = self._target.fetch(_SIGNALS)
        except Unavailable:
            rows = []
        assets = sorted({row.asset for row in rows} - {""})
        return CatalogSnapshot(sorted({row.variable for row in rows}), assets, away=error)
