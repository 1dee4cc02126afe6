"""Connections to PostgreSQL, and the translation of its errors."""

import contextlib
import math
import os
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy import Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import Unavailable
from shared.postgres.encoding import CLIENT_ENCODING
from shared.postgres.errors import READ_ONLY, to_error
from shared.postgres.session import HAS_OPTIONS, MARK, REFUSED, SessionSettings
from shared.postgres.transaction import LIMIT_S
from shared.postgres.urls import sqlalchemy_url

CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 30.0
RESPONSE_TIMEOUT_S = 5.0
"""How long the server may take to answer on a connection that was idle."""
WARM_S = 1.0
"""A connection that was used so recently, and that the server has not closed, is used again without
a check, which would be one more round trip."""


def keepalives(limit_s: float) -> dict[str, int]:
    """The limits with which a connection to a silent server is given up before `limit_s`, at least
    5 s: keepalives when it is idle, tcp_user_timeout when the server does not acknowledge data.
    """
    interval_s = max(1, int(limit_s) // 6)
    return {
        "keepalives_idle": 2 * interval_s, "keepalives_interval": interval_s,
        "keepalives_count": 3, "tcp_user_timeout": 5_000 * interval_s,
    }  # fmt: skip


KEEPALIVES = keepalives(LIMIT_S)
# A frozen client still answers keepalives; its open transaction ends after a minute.
SESSION = {"timezone": "UTC", "idle_in_transaction_session_timeout": "60s"}
# psycopg2 reads values as text: a role or a database may have settings that round or change it.
TEXT = {"extra_float_digits": "1", "intervalstyle": "postgres"}


def connect(
    url: str,
    *,
    application: str,
    pool_size: int = 4,
    response_timeout_s: float = RESPONSE_TIMEOUT_S,
    warm_s: float = WARM_S,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
    statement_timeout_s: float | None = None,
    transaction_limit_s: float = LIMIT_S,
    read_only: bool = False,
) -> Engine:
    """An engine that is not connected yet. Its sessions use UTC and limit how long they wait; these
    settings override the options of the URL. `read_only` sessions cannot change anything.
    `transaction_limit_s` is for `shared.postgres.transaction`; a silent server is given up as soon.
    """
    target = sqlalchemy_url(url)
    limits = keepalives(transaction_limit_s)
    # Shorter than the statement timeout, so that the error names the lock.
    lock_timeout_s = min(lock_timeout_s, 0.75 * transaction_limit_s)
    values = _session_values(limits, lock_timeout_s, statement_timeout_s, read_only=read_only)
    settings = SessionSettings(values, " ".join(target.normalized_query.get("options", ())))
    engine = create_engine(
        target,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_S,
        execution_options={"transaction_limit_s": transaction_limit_s},
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": f"minuano-{application}",
            "options": settings.options,
            **CLIENT_ENCODING,
            **limits,
        },
    )
    _keep_settings(engine, settings)
    _check_before_use(engine, response_timeout_s, warm_s)
    event.listen(engine, "handle_error", _leave_read_only)
    return engine


def _session_values(
    limits: Mapping[str, int],
    lock_timeout_s: float,
    statement_timeout_s: float | None,
    *,
    read_only: bool,
) -> dict[str, str]:
    """The server uses the limits of the client, so it releases the locks of a lost one as soon."""
    values = {f"tcp_{name.removeprefix('tcp_')}": str(n) for name, n in limits.items()}
    values |= {**SESSION, **TEXT, "lock_timeout": f"{round(lock_timeout_s * 1000)}"}
    if statement_timeout_s is not None:
        values["statement_timeout"] = f"{round(statement_timeout_s * 1000)}"
    if read_only:
        values["default_transaction_read_only"] = "on"
    return values


def _keep_settings(engine: Engine, settings: SessionSettings) -> None:
    """Send the settings with each transaction of a connection whose options do not hold."""

    def open_connection(_: Any, __: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        try:
            return psycopg2.connect(*arguments, **options)
        except psycopg2.OperationalError as error:
            if REFUSED not in str(error):
                raise
            return psycopg2.connect(*arguments, **{**options, "options": ""})

    def check_options(connection: Any, record: Any) -> None:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(HAS_OPTIONS)
            record.info[HAS_OPTIONS] = cursor.fetchone() == (MARK,)
        connection.autocommit = False

    def add_settings(connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> Any:
        is_first = cursor.connection.info.transaction_status == TRANSACTION_STATUS_IDLE
        if is_first and not connection.info[HAS_OPTIONS]:
            statement = settings.first_statement(statement)
        return statement, values

    event.listen(engine, "do_connect", open_connection)
    event.listen(engine, "connect", check_options)
    event.listen(engine, "before_cursor_execute", add_settings, retval=True)


def _check_before_use(engine: Engine, timeout_s: float, warm_s: float) -> None:
    """Check a connection that was idle before it is used: a restart of the server breaks all of
    them. SQLAlchemy's `pool_pre_ping` waits without limit for a server that does not answer.
    """

    def mark_used(_: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    def require_response(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info["used_at"] < warm_s and not _is_readable(connection):
            return
        try:
            with _shut_down_after(timeout_s, connection.fileno()):
                engine.dialect.do_ping(connection)
        except psycopg2.Error as error:
            raise InvalidatePoolError("the server was unavailable") from error

    event.listen(engine, "connect", mark_used)
    event.listen(engine, "checkin", mark_used)
    event.listen(engine, "checkout", require_response)


def _leave_read_only(context: ExceptionContext) -> None:
    """Give up all connections after `READ_ONLY`. A session stays read-only after its default was
    set back; and after a failover its server stays a standby, while the name leads to another.
    """
    if getattr(context.original_exception, "pgcode", None) == READ_ONLY:
        context.is_disconnect = True


def _is_readable(connection: Any) -> bool:
    """Whether the server has sent something, for example the end of the connection."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _shut_down_after(seconds: float, descriptor: int) -> Iterator[None]:
    """Shut down the socket if the block takes longer: libpq has no timeout for a response."""
    timer = threading.Timer(seconds, _shut_down, [descriptor])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # later the descriptor may belong to another socket


def _shut_down(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def postgres_errors(refused: str | None = None, *, limit_s: float = math.inf) -> Iterator[None]:
    """Translate errors of the driver: see `shared.postgres.errors.to_error`. COPY raises errors of
    psycopg2, because SQLAlchemy does not see it. `limit_s` is the statement timeout of the block: a
    statement that is cancelled sooner was cancelled by a person.
    """
    started = time.monotonic()
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("PostgreSQL: all connections are busy") from error
    except (DBAPIError, psycopg2.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        timed_out = time.monotonic() - started >= limit_s
        code = getattr(cause, "pgcode", None)
        raise to_error(code, _sentence(cause), refused=refused, timed_out=timed_out) from error


def _sentence(error: BaseException | None) -> str:
    """The server's sentence. In the text of the error there is a severity before it, which psycopg2
    removes only if it is in English.
    """
    primary = error.diag.message_primary if isinstance(error, psycopg2.Error) else None
    return primary or str(error)
