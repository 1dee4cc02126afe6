"""The source as it is now: reflected at start, and again when there is reason to."""

import threading
import time
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

from services.connector.source_table import SourceTable, reflect
from shared import logs
from shared.errors import ConfigurationError, InvalidInput, Unavailable
from shared.postgres.engines import postgres_errors
from shared.settings import SourceSettings

log = logs.get(__name__)

REFLECT_AFTER_S = 60.0


class SourceCatalog:
    """Answers what the source consists of; safe to ask from several threads."""

    def __init__(
        self, engine: Engine, settings: SourceSettings, *, reflect_after_s: float = REFLECT_AFTER_S
    ) -> None:
        self._engine, self._settings = engine, settings
        self._reflect_after_s = reflect_after_s
        self._lock = threading.Lock()
        self._source: SourceTable | None = None
        self._read_at = 0.0

    def open(self) -> SourceTable:
        """Reflect at start: `Misconfigured` for what only a person can mend, else `Outage`."""
        source = self._reflect()
        if source.skipped_columns:
            log.warning("source.columns_left_out", columns=source.skipped_columns)
        self._probe(source)
        self._source = source
        return source

    def source(self, variables: Iterable[str] = ()) -> SourceTable:
        """The source, reflected again if it lacks one of these or was not looked at for long."""
        known = self._source
        stale = time.monotonic() - self._read_at > self._reflect_after_s
        if known is None or stale or not known.variables.keys() >= set(variables):
            return self.refresh()
        return known

    def refresh(self) -> SourceTable:
        """Reflect again; `Outage` where the table no longer is what the settings say."""
        asked_at = time.monotonic()
        with self._lock:
            # Whoever waited for the lock takes what the one before found.
            if self._source is None or self._read_at < asked_at:
                try:
                    self._source = self._reflect()
                except ConfigurationError as error:
                    raise Unavailable(f"the source has changed: {error}") from error
            return self._source

    def ready(self) -> None:
        """Raise `Outage` unless the source can be read: planned by the server, no row touched."""
        source = self.source()
        with postgres_errors(), self._engine.connect() as connection:
            connection.execute(_nothing(source))

    def _reflect(self) -> SourceTable:
        started = time.monotonic()
        with postgres_errors(), self._engine.connect() as connection:
            source = reflect(connection, self._settings)
        self._read_at = started
        return source

    def _probe(self, source: SourceTable) -> None:
        with postgres_errors(), self._engine.connect() as connection:
            try:
                connection.execute(_nothing(source))
            except sa.exc.ProgrammingError as error:
                told = str(error.orig).split("\n", 1)[0]  # no privilege, or a broken view
                raise ConfigurationError(f"MINUANO_SOURCE_URL: {told}") from None
        try:
            with postgres_errors(), self._engine.connect() as connection:
                connection.execute(sa.select(sa.func.timezone(source.zone, sa.func.now())))
        except InvalidInput as error:
            raise ConfigurationError(f"MINUANO_SOURCE_TIMEZONE: {error}") from None


def _nothing(source: SourceTable) -> sa.Select[Any]:
    return (
        sa.select(sa.literal(1))
        .select_from(source.table)
        .where(source.table.c[source.time].is_(None) & sa.false())
    )
