"""Reads rows of the source as Arrow tables through ADBC, without converting them to Python."""

import time
from contextlib import closing
from functools import partial
from typing import Any, cast

import adbc_driver_manager
import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_manager._reader import AdbcRecordBatchReader
from sqlalchemy import Select, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from services.connector.settings import ConnectorSettings
from services.connector.sql_text import sql_text
from shared.errors import InvalidInput, MinuanoError, Unavailable
from shared.postgres.encoding import CLIENT_ENCODING
from shared.postgres.engines import (
    CONNECT_TIMEOUT_S,
    KEEPALIVES,
    LOCK_TIMEOUT_S,
    POOL_TIMEOUT_S,
    WARM_S,
)
from shared.postgres.errors import CANCELED, READ_ONLY, SOURCE, to_error
from shared.postgres.session import BEGIN, HAS_OPTIONS, MARK, REFUSED, SessionSettings
from shared.postgres.urls import libpq_url

RECYCLE_S = 1800
# SQLSTATEs after which the columns are read again: undefined column and table, no privilege.
CHANGED = ("42501", "42703", "42P01")
_SENTENCE = b"PG_DIAG_MESSAGE_PRIMARY"
# The class of connection exceptions. Without a server there is no SQLSTATE at all.
LOST = "08"
# Parallel workers, and scans that join another scan midway, would deliver rows with equal
# timestamps in an order that changes from query to query.
STABLE_ORDER = {"max_parallel_workers_per_gather": "0", "synchronize_seqscans": "off"}
# Compiling a query takes longer than it saves.
NO_JIT = {"jit": "off"}
# As `sql_text` writes the values: a backslash is only a backslash.
PLAIN_STRINGS = {"standard_conforming_strings": "on"}
# The driver knows the types of columns by names without quotes.
PLAIN_NAMES = {"quote_all_identifiers": "off"}
# Rows that a policy hides would be taken for deleted ones: the server refuses the query instead.
NO_HIDDEN_ROWS = {"row_security": "off"}


class SourceChanged(InvalidInput):
    """A column or table that was reflected does not exist any more, or may not be read."""


class _ConnectionLost(Unavailable):
    """The connection broke during a query."""


class TooSlow(MinuanoError):
    """A query took longer than `source_timeout_s`."""


class Session:
    """One connection, over the low-level interface of ADBC: its DBAPI would import pandas."""

    def __init__(self, url: URL, settings: SessionSettings) -> None:
        with_options = url.update_query_dict({"options": settings.options})
        try:
            self._open(with_options)
        except adbc_driver_manager.Error as error:
            if REFUSED not in str(error):
                raise
            self._open(url)
        try:
            has_options = self._read(HAS_OPTIONS)["mark"].to_pylist() == [MARK]
            self._begin = None if has_options else f"{BEGIN}; {settings.statements}"
        except BaseException:
            self.close()
            raise

    def _open(self, url: URL) -> None:
        self._database = adbc_driver_postgresql.connect(libpq_url(url))
        try:
            self._connection = adbc_driver_manager.AdbcConnection(self._database)
        except BaseException:
            self._database.close()
            raise

    def fetch(self, text: str) -> pa.Table:
        """All rows of a query. A session without our options gets them in a transaction."""
        if self._begin is None:
            return self._read(text)
        self._execute(self._begin)
        try:
            return self._read(text)
        finally:
            self._execute("COMMIT")

    def _read(self, text: str) -> pa.Table:
        """Without parameters ADBC uses COPY, which takes half of the time, and a third of the
        memory, because the rows are converted while they arrive.
        """
        with adbc_driver_manager.AdbcStatement(self._connection) as statement:
            statement.set_sql_query(text)
            handle, _ = statement.execute_query()
            # pyarrow's own reader would raise errors without their SQLSTATE.
            with closing(AdbcRecordBatchReader._import_from_c(handle.address)) as reader:
                return reader.read_all()

    def _execute(self, statements: str) -> None:
        with adbc_driver_manager.AdbcStatement(self._connection) as statement:
            statement.set_sql_query(statements)
            statement.execute_update()

    def close(self) -> None:
        """Close the connection."""
        try:
            self._connection.close()
        finally:
            self._database.close()


class Reader:
    """A bounded pool of connections; it connects when `fetch` is called."""

    def __init__(
        self, settings: ConnectorSettings, *, pool_timeout_s: float = POOL_TIMEOUT_S
    ) -> None:
        url = _url(settings)
        session = _session_settings(settings)
        self._timeout_s = settings.source_timeout_s
        self._pool = QueuePool(
            # A session has the methods that the pool calls.
            cast(Any, partial(Session, url, session)),
            pool_size=settings.source_connections,
            max_overflow=0,
            timeout=pool_timeout_s,
            recycle=RECYCLE_S,
            reset_on_return=None,
        )
        self._checked_after = 0.0
        event.listen(self._pool, "connect", _mark_used)
        event.listen(self._pool, "checkin", _mark_used)
        event.listen(self._pool, "checkout", self._ping)

    def fetch(self, statement: Select[Any]) -> pa.Table:
        """All rows; `Unavailable` if the server is away, `TooSlow` if the query takes too long,
        `InvalidInput` if the server cannot compute a value or refuses the query.
        """
        text = sql_text(statement)
        try:
            return self._fetch(text)
        except _ConnectionLost:
            self._checked_after = time.monotonic()
            return self._fetch(text)

    def check(self) -> None:
        """Raise `Unavailable`, or another error of the server, if it cannot be read."""
        self._fetch("SELECT 1")

    def _fetch(self, text: str) -> pa.Table:
        try:
            connection = self._pool.connect()
        except PoolTimeout as error:
            raise Unavailable("PostgreSQL: all connections to the source are busy") from error
        except adbc_driver_manager.Error as error:
            raise _translate(error) from error
        started = time.monotonic()
        try:
            return cast(Session, connection.dbapi_connection).fetch(text)
        except adbc_driver_manager.Error as error:
            took_s = time.monotonic() - started
            connection.invalidate()
            if (error.sqlstate or LOST)[:2] == LOST:
                raise _ConnectionLost(f"PostgreSQL: {_sentence(error)}") from error
            if error.sqlstate == CANCELED and took_s >= self._timeout_s:
                raise TooSlow(
                    f"the query took longer than MINUANO_SOURCE_TIMEOUT_S={self._timeout_s:g}; "
                    "request a shorter range or smaller pages"
                ) from error
            raise _translate(error) from error
        finally:
            connection.close()

    def _ping(self, session: Session, record: Any, _: Any) -> None:
        """Check a connection that was not used just now; one lost connection invalidates the whole
        pool, because the server was probably restarted.
        """
        if record.info["used_at"] > max(self._checked_after, time.monotonic() - WARM_S):
            return
        try:
            session.fetch("SELECT 1")
        except adbc_driver_manager.Error as error:
            raise InvalidatePoolError("the connection to the source was lost") from error

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.dispose()


def _url(settings: ConnectorSettings) -> URL:
    """The URL without its options. Its other parameters override ours."""
    url = make_url(settings.source_url.get_secret_value()).difference_update_query(["options"])
    ours = {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        "application_name": "minuano-connector",
        **{name: str(value) for name, value in KEEPALIVES.items()},
    }
    return url.set(query={**ours, **url.query, **CLIENT_ENCODING})


def _session_settings(settings: ConnectorSettings) -> SessionSettings:
    url = make_url(settings.source_url.get_secret_value())
    timeout_ms = round(settings.source_timeout_s * 1000)
    # Shorter than the statement timeout, so that the error names the lock.
    lock_timeout_ms = min(round(LOCK_TIMEOUT_S * 1000), timeout_ms // 2)
    values = {
        "timezone": "UTC",
        "default_transaction_read_only": "on",
        **STABLE_ORDER, **NO_JIT, **PLAIN_STRINGS, **PLAIN_NAMES, **NO_HIDDEN_ROWS,
        "lock_timeout": str(lock_timeout_ms),
        "statement_timeout": str(timeout_ms),
    }  # fmt: skip
    return SessionSettings(values, " ".join(url.normalized_query.get("options", ())))


def _translate(error: adbc_driver_manager.Error) -> MinuanoError:
    code = error.sqlstate or ""
    translated = to_error(code, _sentence(error), refused=SOURCE)
    if code in CHANGED:
        return SourceChanged(SOURCE, str(translated))
    if code == READ_ONLY:  # not the server, but our session: a function of a view writes
        return InvalidInput(SOURCE, str(translated))
    return translated


def _sentence(error: adbc_driver_manager.Error) -> str:
    """The server's sentence, without what the driver writes before and after it. The text of an
    error without a server has the sentence of libpq.
    """
    details: Any = error.details
    sentence: bytes = dict(details).get(_SENTENCE, b"")
    return sentence.decode(errors="replace") or str(error).partition("\n")[0]


def _mark_used(_: Session, record: Any) -> None:
    record.info["used_at"] = time.monotonic()
