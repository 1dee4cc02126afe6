"""Prunes the ledger and the dead letters once a day, in one of the extractors."""

import random
import threading
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import Engine

from shared import logs
from shared.errors import Unavailable
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.prune import Prune, Pruned, begin_daily

log = logs.get(__name__)

CHECK_EVERY_S = 600.0


class DailyPrune:
    """Looks every ten minutes whether a day has passed since an extractor last pruned."""

    def __init__(
        self, engine: Engine, actions: DeadLetterActions, keep_days: int, stop: threading.Event
    ) -> None:
        self._engine, self._actions, self._stop = engine, actions, stop
        self._keep = timedelta(days=keep_days)

    def run(self) -> None:
        """Prune every day until `stop` is set; after an outage the next day does the rest."""
        while not self._stop.wait(CHECK_EVERY_S * random.uniform(0.7, 1.3)):  # noqa: S311
            try:
                self.prune_if_due()
            except Unavailable as outage:
                log.warning("prune.deferred", error=str(outage))

    def prune_if_due(self) -> Pruned | None:
        """Prune, until `stop` is set; None if no prune is due."""
        if not begin_daily(self._engine):
            return None
        pruned = Pruned()
        for step in Prune(self._engine, self._actions, older_than=self._keep).steps():
            pruned = step
            if self._stop.is_set():
                break
        log.info("prune.done", **asdict(pruned))
        return pruned
