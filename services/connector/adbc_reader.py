"""Reads rows of the source as Arrow tables through ADBC, without converting them to Python."""

import re
import time
from contextlib import closing
from functools import partial
from typing import Any, cast

import adbc_driver_manager
import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_manager._reader import AdbcRecordBatchReader
from sqlalchemy import Select, event
from sqlalchemy.engine import make_url
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
from shared.postgres.errors import CANCELED, DATA_CLASSES, NOT_UTF8, SOURCE, passes, to_error
from shared.postgres.urls import libpq_url

RECYCLE_S = 1800
# SQLSTATEs after which the columns are read again: undefined column and table, no privilege.
CHANGED = ("42501", "42703", "42P01")
_DRIVER_PREFIX = re.compile(r"^.*?ERROR: +")
# The class of connection exceptions. Without a server there is no SQLSTATE at all.
LOST = "08"
# Parallel workers, and scans that join another scan midway, would deliver rows with equal
# timestamps in an order that changes from query to query.
STABLE_ORDER = "-c max_parallel_workers_per_gather=0 -c synchronize_seqscans=off"
# Compiling a query takes longer than it saves.
NO_JIT = "-c jit=off"
# As `sql_text` writes the values: a backslash is only a backslash.
PLAIN_STRINGS = "-c standard_conforming_strings=on"


class SourceChanged(InvalidInput):
    """A column or table that was reflected does not exist any more, or may not be read."""


class _ConnectionLost(Unavailable):
    """The connection broke during a query."""


class TooSlow(MinuanoError):
    """A query took longer than `source_timeout_s`."""


class Session:
    """One connection, over the low-level interface of ADBC: its DBAPI would import pandas."""

    def __init__(self, url: str) -> None:
        self._database = adbc_driver_postgresql.connect(url)
        try:
            self._connection = adbc_driver_manager.AdbcConnection(self._database)
        except BaseException:
            self._database.close()
            raise

    def fetch(self, text: str) -> pa.Table:
        """All rows of a query. Without parameters ADBC uses COPY, which takes half of the time, and
        a third of the memory, because the rows are converted while they arrive.
        """
        with adbc_driver_manager.AdbcStatement(self._connection) as statement:
            statement.set_sql_query(text)
            handle, _ = statement.execute_query()
            # pyarrow's own reader would raise errors without their SQLSTATE.
            with closing(AdbcRecordBatchReader._import_from_c(handle.address)) as reader:
                return reader.read_all()

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
        self._timeout_s = settings.source_timeout_s
        self._pool = QueuePool(
            cast(Any, partial(Session, url)),  # a session has the methods that the pool calls
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
        `InvalidInput` if the server cannot cast a value or refuses the query.
        """
        text = sql_text(statement)
        try:
            return self._fetch(text)
        except _ConnectionLost:
            self._checked_after = time.monotonic()
            return self._fetch(text)

    def _fetch(self, text: str) -> pa.Table:
        try:
            connection = self._pool.connect()
        except PoolTimeout as error:
            raise Unavailable("PostgreSQL: all connections to the source are busy") from error
        except adbc_driver_manager.Error as error:
            raise _translate(error) from error
        try:
            return cast(Session, connection.dbapi_connection).fetch(text)
        except adbc_driver_manager.Error as error:
            connection.invalidate()
            if (error.sqlstate or LOST)[:2] == LOST:
                raise _ConnectionLost(f"PostgreSQL: {_sentence(error)}") from error
            if error.sqlstate == CANCELED and not passes(CANCELED, str(error)):
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


def _url(settings: ConnectorSettings) -> str:
    """The URL with our session options after its own, so that ours win."""
    url = make_url(settings.source_url.get_secret_value())
    url_options = " ".join(url.normalized_query.get("options", ()))
    timeout_ms = round(settings.source_timeout_s * 1000)
    ours = (
        "-c timezone=UTC -c default_transaction_read_only=on "
        f"{STABLE_ORDER} {NO_JIT} {PLAIN_STRINGS}"
    )
    # Whoever waits for a lock is told so, before the query takes too long.
    lock_ms = min(round(LOCK_TIMEOUT_S * 1000), timeout_ms // 2)
    ours += f" -c lock_timeout={lock_ms}"
    options = f"{url_options} {ours} -c statement_timeout={timeout_ms}".strip()
    query = {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        "application_name": "minuano-connector",
        **{name: str(value) for name, value in KEEPALIVES.items()},
        **url.query,
        "options": options,
        **CLIENT_ENCODING,
    }
    return libpq_url(url.set(query=query))


def _translate(error: adbc_driver_manager.Error) -> MinuanoError:
    code, sentence = error.sqlstate or "", _sentence(error)
    if code.startswith(DATA_CLASSES) and code != NOT_UTF8:
        return InvalidInput("data", f"a value of the source is not a float64: {sentence} ({code})")
    translated = to_error(code, sentence, refused=SOURCE)
    return SourceChanged(SOURCE, str(translated)) if code in CHANGED else translated


def _sentence(error: adbc_driver_manager.Error) -> str:
    """The server's sentence, without what the driver writes before and after it."""
    return _DRIVER_PREFIX.sub("", str(error).partition("\n")[0])


def _mark_used(_: Session, record: Any) -> None:
    record.info["used_at"] = time.monotonic()
