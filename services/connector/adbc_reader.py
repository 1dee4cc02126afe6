"""Rows from the source as Arrow tables, through ADBC: no row passes through Python."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import adbc_driver_manager
import adbc_driver_postgresql
import pyarrow as pa
from sqlalchemy import Select, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from services.connector.page_sql import compiled
from services.connector.settings import ConnectorSettings
from shared.errors import InvalidInput, MinuanoError, Unavailable
from shared.postgres.engines import CONNECT_TIMEOUT_S, KEEPALIVES, POOL_TIMEOUT_S
from shared.postgres.urls import libpq_url

RECYCLE_S = 1800
WRONG_DATA = "22"
CHANGED = ("42703", "42P01")
CANCELED = "57014"
# Workers of a parallel plan, and scans that join another halfway, would deliver equal stamps in
# an order that differs from one time to the next.
ORDERLY = "-c max_parallel_workers_per_gather=0 -c synchronize_seqscans=off"


class SourceChanged(Unavailable):
    """A column or table that was reflected is gone."""


class TooSlow(MinuanoError):
    """A query took longer than one may."""


class Session:
    """One connection, over ADBC's low-level interface: its DBAPI loads pandas, for nothing here."""

    def __init__(self, url: str) -> None:
        self._database = adbc_driver_postgresql.connect(url)
        try:
            self._connection = adbc_driver_manager.AdbcConnection(self._database)
        except BaseException:
            self._database.close()  # nobody else would
            raise

    def fetch(self, text: str, values: Sequence[Any] = ()) -> pa.Table:
        """All rows of a query with `$1`, `$2` … for the values."""
        with adbc_driver_manager.AdbcStatement(self._connection) as statement:
            # With COPY an error would come while the rows are read, and without its SQLSTATE.
            statement.set_options(
                **{adbc_driver_postgresql.StatementOptions.USE_COPY.value: "false"}
            )
            statement.set_sql_query(text)
            if values:
                columns = [pa.array([value]) for value in values]
                bound = pa.record_batch(columns, names=[str(n) for n in range(len(values))])
                statement.bind(*reversed(bound.__arrow_c_array__()))
            handle, _ = statement.execute_query()
            with pa.RecordBatchReader.from_stream(handle) as reader:
                return reader.read_all()

    def close(self) -> None:
        """End the connection."""
        try:
            self._connection.close()
        finally:
            self._database.close()


class Reader:
    """A bounded pool of connections; nothing is connected yet."""

    def __init__(
        self, settings: ConnectorSettings, *, pool_timeout_s: float = POOL_TIMEOUT_S
    ) -> None:
        url = _url(settings)
        self._timeout_s = settings.source_timeout_s
        self._pool = QueuePool(
            cast(Any, partial(Session, url)),  # what it asks of a connection, a session has
            pool_size=settings.source_connections,
            max_overflow=0,
            timeout=pool_timeout_s,
            recycle=RECYCLE_S,
            reset_on_return=None,
        )
        event.listen(self._pool, "checkout", _ping)

    def fetch(self, statement: Select[Any]) -> pa.Table:
        """All rows; `Outage` when the server is away, `TooSlow` when it needs too long,
        `Rejected` for values it can't cast.
        """
        text, values = compiled(statement)
        with self._session() as session:
            return session.fetch(text, values)

    def close(self) -> None:
        """Close what is idle."""
        self._pool.dispose()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            connection = self._pool.connect()
        except PoolTimeout as error:
            raise Unavailable("PostgreSQL: all connections to the source are busy") from error
        except adbc_driver_manager.Error as error:
            raise _explained(error) from error
        try:
            yield cast(Session, connection.dbapi_connection)
        except adbc_driver_manager.Error as error:
            connection.invalidate()
            if error.sqlstate == CANCELED:
                raise TooSlow(
                    f"the query took longer than MINUANO_SOURCE_TIMEOUT_S={self._timeout_s:g}; "
                    "ask for a shorter range or smaller pages"
                ) from error
            raise _explained(error) from error
        finally:
            connection.close()


def _url(settings: ConnectorSettings) -> str:
    """The URL with our session options behind those it has."""
    url = make_url(settings.source_url.get_secret_value())
    given = " ".join(url.normalized_query.get("options", ()))
    timeout_ms = round(settings.source_timeout_s * 1000)
    ours = f"-c timezone=UTC -c default_transaction_read_only=on {ORDERLY}"
    options = f"{given} {ours} -c statement_timeout={timeout_ms}".strip()
    query = {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        "application_name": "minuano-connector",
        **{name: str(value) for name, value in KEEPALIVES.items()},
        **url.query,
        "options": options,
    }
    return libpq_url(url.set(query=query))


def _ping(session: Session, *_: Any) -> None:
    """Look at a connection before it is used: if the server was restarted all of them are lost."""
    try:
        session.fetch("SELECT 1")
    except adbc_driver_manager.Error as error:
        raise InvalidatePoolError("the source was away") from error


def _explained(error: adbc_driver_manager.Error) -> MinuanoError:
    code = error.sqlstate or ""
    text = str(error).split("\n", 1)[0]
    if code.startswith(WRONG_DATA):
        return InvalidInput("data", f"the source holds what is no float64 ({code}): {text}")
    if code in CHANGED:
        return SourceChanged(f"the source's columns have changed: {text}")
    return Unavailable(f"PostgreSQL: {text}")
