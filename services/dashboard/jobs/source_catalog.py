"""What jobs can ask for: the source's variables, assets and extent, remembered for a minute."""

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

REMEMBERED_S = 60.0
AWAY_REMEMBERED_S = 5.0
ANSWERS_WITHIN_S = 5.0
_SIGNALS = "SELECT DISTINCT asset, variable FROM signal"


@dataclass(frozen=True, slots=True)
class CatalogSnapshot:
    """Names as the connector has them. Where it is `away` (and says why), those of what was loaded
    before; an unnamed asset is none that can be asked for.
    """

    variables: Sequence[str]
    assets: Sequence[str]
    extent: Extent | None = None
    newest: datetime | None = None
    away: str | None = None


class SourceCatalog:
    """Asks the connector, one thread for all, and not while it is known to be away."""

    def __init__(
        self, settings: DashboardSettings, target: Target, history: PipelineSampler
    ) -> None:
        self._connector = ConnectorClient(settings, timeout_s=ANSWERS_WITHIN_S)
        self._settings, self._target, self._history = settings, target, history
        self._lock = threading.Lock()
        self._known: tuple[float, CatalogSnapshot | None] = (0.0, None)

    def now(self) -> CatalogSnapshot:
        """The newest that is known; while somebody asks, what was known before."""
        until, offer = self._known
        if offer and (time.monotonic() < until or self._lock.locked()):
            return offer
        with self._lock:
            until, offer = self._known
            return offer if offer and time.monotonic() < until else self._look()

    def close(self) -> None:
        """Close what is idle."""
        self._connector.close()

    def _look(self) -> CatalogSnapshot:
        try:
            offer, kept_s = self._asked(), REMEMBERED_S
        except MinuanoError as error:
            offer, kept_s = self._loaded(str(error)), AWAY_REMEMBERED_S
        self._known = (time.monotonic() + kept_s, offer)
        return offer

    def _asked(self) -> CatalogSnapshot:
        seen = self._history.latest().connector
        if seen.state == "unavailable":
            raise Unavailable(seen.error or "")
        ask = self._connector
        extent = ask.extent()
        newest = self._settings.sample_began(extent.last) if extent.last else None
        return CatalogSnapshot(sorted(ask.variables()), sorted(ask.assets()), extent, newest)

    def _loaded(self, away: str) -> CatalogSnapshot:
        try:
            rows = self._target.fetch(_SIGNALS)
        except Unavailable:
            rows = []
        assets = sorted({row.asset for row in rows} - {""})
        return CatalogSnapshot(sorted({row.variable for row in rows}), assets, away=away)
