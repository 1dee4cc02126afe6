"""Prunes the ledger and the dead letters once a day, in one of the extractors."""

import random
import threading
from dataclasses import asdict
from datetime import timedelta

import redis
from sqlalchemy import Engine

from services.extractor.settings import ExtractorSettings
from shared import logs
from shared.errors import Unavailable
from shared.ledger.audit_log import AuditLog
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.ledger.prune import Prune, Pruned, begin_daily
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import StreamNames

log = logs.get(__name__)

CHECK_EVERY_S = 600.0


class DailyPrune:
    """Looks every ten minutes whether a day has passed since an extractor last pruned."""

    def __init__(
        self,
        settings: ExtractorSettings,
        engine: Engine,
        client: redis.Redis,
        stop: threading.Event,
    ) -> None:
        self._keep_days, self._engine, self._stop = settings.keep_days, engine, stop
        letters = DeadLetters(client, StreamNames(settings.stream_prefix))
        self._actions = DeadLetterActions(letters, Ledger(engine), AuditLog(engine))

    def run(self) -> None:
        """Prune every day until `stop` is set; after an outage the next day does the rest."""
        while not self._stop.wait(CHECK_EVERY_S * random.uniform(0.7, 1.3)):  # noqa: S311
            try:
                self.prune_if_due()
            except Unavailable as outage:
                log.warning("prune.deferred", error=str(outage))

    def prune_if_due(self) -> Pruned | None:
        """Prune, until `stop` is set; None if no prune is due."""
        if self._keep_days is None or not begin_daily(self._engine):
            return None
        pruned, age = Pruned(), timedelta(days=self._keep_days)
        for step in Prune(self._engine, self._actions, older_than=age).steps():
            pruned = step
            if self._stop.is_set():
                break
        log.info("prune.done", **asdict(pruned))
        return pruned
