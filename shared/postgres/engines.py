"""Connections to PostgreSQL, and the translation of its errors."""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import Unavailable
from shared.postgres.encoding import CLIENT_ENCODING
from shared.postgres.errors import to_error
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
# A broken connection is detected within half a minute: by keepalives when it is idle, by
# tcp_user_timeout when the server does not acknowledge data.
KEEPALIVES = {
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}  # fmt: skip
# The server uses the same limits, so it releases the locks of a lost client as soon. A frozen
# client still answers keepalives; its open transaction ends after a minute.
OPTIONS = (
    "-c timezone=UTC "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 "
    "-c tcp_user_timeout=25s -c idle_in_transaction_session_timeout=60s"
)


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
    options override those of the URL. `read_only` sessions cannot change anything.
    `transaction_limit_s` is for `shared.postgres.transaction`.
    """
    target = sqlalchemy_url(url)
    options = [*target.normalized_query.get("options", ()), OPTIONS]
    options.append(f"-c lock_timeout={round(lock_timeout_s * 1000)}")
    if statement_timeout_s is not None:
        options.append(f"-c statement_timeout={round(statement_timeout_s * 1000)}")
    if read_only:
        options.append("-c default_transaction_read_only=on")
    engine = create_engine(
        target,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_S,
        execution_options={"transaction_limit_s": transaction_limit_s},
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": f"minuano-{application}",
            "options": " ".join(options),
            **CLIENT_ENCODING,
            **KEEPALIVES,
        },
    )
    _check_before_use(engine, response_timeout_s, warm_s)
    return engine


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
def postgres_errors(refused: str | None = None) -> Iterator[None]:
    """Translate errors of the driver: see `shared.postgres.errors.to_error`. COPY raises errors of
    psycopg2, because SQLAlchemy does not see it.
    """
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("PostgreSQL: all connections are busy") from error
    except (DBAPIError, psycopg2.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise to_error(getattr(cause, "pgcode", None), str(cause), refused=refused) from error
