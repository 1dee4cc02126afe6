"""A cache of the reflected source table; it is reflected at start, and again when necessary."""

import threading
import time
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Engine

from services.connector.source_table import SourceTable, reflect
from shared import logs
from shared.errors import ConfigurationError, InvalidInput, Unavailable
from shared.postgres.engines import postgres_errors
from shared.postgres.errors import SOURCE
from shared.settings import SourceSettings

log = logs.get(__name__)

REFLECT_AFTER_S = 60.0


class SourceCatalog:
    """Provides the reflected source table; safe to use from several threads."""

    def __init__(
        self, engine: Engine, settings: SourceSettings, *, reflect_after_s: float = REFLECT_AFTER_S
    ) -> None:
        self._engine, self._settings = engine, settings
        self._reflect_after_s = reflect_after_s
        self._lock = threading.Lock()
        self._table: SourceTable | None = None
        self._reflected_at = 0.0

    def open(self) -> SourceTable:
        """Reflect at start: `ConfigurationError` for a wrong setting, else `Unavailable`."""
        try:
            table = self._reflect()
        except InvalidInput as error:
            raise ConfigurationError(f"MINUANO_SOURCE_URL: {error}") from None
        if table.skipped_columns:
            log.warning("source.columns_skipped", columns=table.skipped_columns)
        self._probe(table)
        self._table = table
        return table

    def table(self, variables: Iterable[str] = ()) -> SourceTable:
        """The table, reflected again if it lacks one of the variables or the cache is stale."""
        known = self._table
        stale = time.monotonic() - self._reflected_at > self._reflect_after_s
        if known is None or stale or not known.variables.keys() >= set(variables):
            return self.refresh()
        return known

    def refresh(self) -> SourceTable:
        """Reflect again; `InvalidInput` with the reason `source` if the table does not fit the
        settings any more.
        """
        requested_at = time.monotonic()
        with self._lock:
            # A thread that waited for the lock uses the result of the thread before it.
            if self._table is None or self._reflected_at < requested_at:
                try:
                    self._table = self._reflect()
                except ConfigurationError as error:
                    raise InvalidInput(SOURCE, f"the source has changed: {error}") from error
            return self._table

    def ready(self) -> None:
        """Raise `Unavailable` unless the table can be read; the query reads no row."""
        try:
            table = self.table()
        except InvalidInput as error:
            raise Unavailable(str(error)) from error
        with postgres_errors(), self._engine.connect() as connection:
            _read_no_rows(connection, table)

    def _reflect(self) -> SourceTable:
        started = time.monotonic()
        with postgres_errors(refused=SOURCE), self._engine.connect() as connection:
            table = reflect(connection, self._settings)
        self._reflected_at = started
        return table

    def _probe(self, table: SourceTable) -> None:
        """Raise `ConfigurationError` if PostgreSQL refuses the table or does not know the zone."""
        try:
            with postgres_errors(refused=SOURCE), self._engine.connect() as connection:
                _read_no_rows(connection, table)
        except InvalidInput as error:  # a missing privilege or a broken view
            raise ConfigurationError(f"MINUANO_SOURCE_URL: {error}") from None
        try:
            with postgres_errors(), self._engine.connect() as connection:
                connection.execute(sa.select(sa.func.timezone(table.zone, sa.func.now())))
        except InvalidInput as error:
            raise ConfigurationError(f"MINUANO_SOURCE_TIMEZONE: {error}") from None


def _read_no_rows(connection: sa.Connection, table: SourceTable) -> None:
    """Raise an error if the role may not read the table, or if a policy hides rows from it."""
    connection.exec_driver_sql("SET LOCAL row_security = off")
    no_row = table.column(table.time_column).is_(None) & sa.false()
    connection.execute(sa.select(sa.literal(1)).select_from(table.clause).where(no_row))
