"""Connections to PostgreSQL, and its errors in our own words."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg2
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.errors import InvalidInput, Unavailable

CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 30.0
RESPONSE_TIMEOUT_S = 5.0
"""How long a connection that was idle may take to show that the server is still there."""
# A cut connection is noticed within half a minute: an idle one by keepalives, one with data that
# is not acknowledged by tcp_user_timeout.
KEEPALIVES = {
    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}  # fmt: skip
# The server has the same bounds, so that the locks of a lost client are released as soon.
# A client that is frozen answers keepalives for ever; its open transaction ends after a minute.
OPTIONS = (
    "-c timezone=UTC "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 "
    "-c tcp_user_timeout=25s -c idle_in_transaction_session_timeout=60s"
)
DRIVERS = ("postgres", "postgresql", "postgresql+psycopg2")


def postgres_url(text: str) -> str:
    """The bare `postgresql://` form of any PostgreSQL URL; ValueError for anything else."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("not a URL: write postgresql://user:password@host:5432/name") from None
    if url.drivername not in DRIVERS:
        raise ValueError(f"{url.drivername}:// is no PostgreSQL URL: write postgresql://…")
    if "%00" in text or "\0" in text:  # the driver would end there, or with a traceback
        raise ValueError("holds %00: neither a password nor anything else of PostgreSQL has a NUL")
    if "@" in (url.host or ""):  # half of a password, which every error would show as a host
        raise ValueError("has more than one @: write those of the password as %40")
    return libpq_url(url.set(drivername="postgresql"))


def sqlalchemy_url(text: str) -> URL:
    """The URL that makes SQLAlchemy use psycopg2 (a bare one means psycopg 3 since 2.1)."""
    return make_url(postgres_url(text)).set(drivername="postgresql+psycopg2")


def libpq_url(url: URL) -> str:
    """The URL as libpq reads it. SQLAlchemy writes blanks and pluses of a password as they are, and
    blanks of the query as pluses; libpq refuses the former with the whole password in its error.
    """
    parts = [part for part in (url.username, url.password) if part is not None]
    who = ":".join(quote(part, safe="") for part in parts)
    bare = URL.create("", host=url.host, port=url.port, database=url.database, query=url.query)
    where, mark, query = bare.render_as_string().removeprefix("://").partition("?")
    where, query = where.replace(" ", "%20"), query.replace("+", "%20")
    return f"{url.drivername}://{who}{'@' if parts else ''}{where}{mark}{query}"


def connect(
    url: str,
    *,
    application: str,
    pool_size: int = 4,
    answer_timeout_s: float = RESPONSE_TIMEOUT_S,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> Engine:
    """An engine; nothing is connected yet. Sessions are in UTC and bounded in what they wait for,
    whatever options the URL has besides.
    """
    target = sqlalchemy_url(url)
    options = [*target.normalized_query.get("options", ()), OPTIONS]
    options.append(f"-c lock_timeout={round(lock_timeout_s * 1000)}")
    engine = create_engine(
        target,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": f"minuano-{application}",
            "options": " ".join(options),
            **KEEPALIVES,
        },
    )
    _check_before_use(engine, answer_timeout_s)
    return engine


def _check_before_use(engine: Engine, within_s: float) -> None:
    """Look at a connection that was idle before it is used: if the server was restarted all of
    them are lost. SQLAlchemy's own check waits without bound for a server that says nothing.
    """

    def mark_new(_: Any, record: Any) -> None:
        record.info["is_new"] = True

    def require_answer(connection: Any, record: Any, _: Any) -> None:
        if record.info.pop("is_new", False):
            return
        try:
            with _cut_off_after(within_s, connection.fileno()):
                engine.dialect.do_ping(connection)
        except psycopg2.Error as error:
            raise InvalidatePoolError("the server was away") from error

    event.listen(engine, "connect", mark_new)
    event.listen(engine, "checkout", require_answer)


@contextmanager
def _cut_off_after(seconds: float, descriptor: int) -> Iterator[None]:
    """End the connection that this descriptor stands for if the block takes longer: libpq has no
    time-out for an answer.
    """
    timer = threading.Timer(seconds, _shut_down, [descriptor])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # later the descriptor may be another's


def _shut_down(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def postgres_errors() -> Iterator[None]:
    """Turn driver errors into `Rejected` (the data is wrong) or `Outage` (the server is away).
    Those of COPY are the driver's, for SQLAlchemy does not see them.
    """
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("PostgreSQL: all connections are busy") from error
    except (DBAPIError, psycopg2.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(cause, "pgcode", None) or ""
        text = str(cause).strip().split("\n")[0]
        if code[:2] in ("22", "23"):
            raise InvalidInput("data", f"PostgreSQL refuses the values ({code}): {text}") from error
        # What is left is a server, a schema or a privilege that a person or time will mend.
        raise Unavailable(f"PostgreSQL: {text}" + (f" ({code})" if code else "")) from error
