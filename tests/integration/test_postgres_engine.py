"""The options of a session, and how broken connections are replaced."""

from urllib.parse import urlsplit

import psycopg2
import pytest
import sqlalchemy as sa

from shared.errors import Unavailable
from shared.postgres.engines import connect, postgres_errors
from shared.postgres.transaction import single_statement
from tests.faults.proxy import Proxy

DEFAULTS = {
    "TimeZone": "UTC", "lock_timeout": "22500ms", "idle_in_transaction_session_timeout": "1min",
    "tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000", "extra_float_digits": "1", "IntervalStyle": "postgres",
}  # fmt: skip
RESPONSE_TIMEOUT_S = 0.5


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", DEFAULTS),
        ("?options=-csearch_path%3Detl", {**DEFAULTS, "search_path": "etl"}),
        ("?options=-csearch_path%3Detl%20-c%20work_mem%3D5MB",
         {**DEFAULTS, "search_path": "etl", "work_mem": "5MB"}),
        ("?options=-csearch_path%3Detl&options=-cwork_mem%3D5MB",
         {**DEFAULTS, "search_path": "etl", "work_mem": "5MB"}),
        ("?options=-ctimezone%3DAsia/Tokyo", DEFAULTS),
        ("?options=-cextra_float_digits%3D0%20-cintervalstyle%3Diso_8601", DEFAULTS),
    ],
)  # fmt: skip
def test_a_session_has_the_default_options_and_those_of_the_url(
    source_url: str, query: str, expected: dict[str, str]
) -> None:
    engine = connect(source_url + query, application="test")
    with engine.connect() as connection:
        shown = {name: connection.scalar(sa.text(f"SHOW {name}")) for name in expected}
    engine.dispose()
    assert shown == expected


def test_a_read_only_session_cannot_write(source_url: str) -> None:
    engine = connect(source_url, application="test", read_only=True)
    with engine.connect() as connection, pytest.raises(sa.exc.InternalError, match="read-only"):
        connection.execute(sa.text("CREATE TABLE t (a int)"))
    engine.dispose()


def test_the_options_of_the_url_do_not_make_a_read_only_session_writable(source_url: str) -> None:
    url = f"{source_url}?options=-cdefault_transaction_read_only%3Doff"
    engine = connect(url, application="test", read_only=True)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SHOW transaction_read_only")) == "on"
    engine.dispose()


def test_a_long_statement_ends_after_the_statement_timeout(source_url: str) -> None:
    engine = connect(source_url, application="test", statement_timeout_s=0.1)
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError, match="timeout"):
        connection.execute(sa.text("SELECT pg_sleep(60)"))
    engine.dispose()


@pytest.mark.parametrize(
    ("limit_s", "expected"),
    [(30.0, ["10", "5", "3", "25000"]), (12.0, ["4", "2", "3", "10000"]),
     (0.5, ["2", "1", "3", "5000"])],
)  # fmt: skip
def test_a_silent_server_is_given_up_within_the_limit_of_a_transaction(
    source_url: str, limit_s: float, expected: list[str]
) -> None:
    engine = connect(source_url, application="test", transaction_limit_s=limit_s)
    with engine.connect() as connection:
        dsn = getattr(connection.connection.dbapi_connection, "dsn", "")
        settings = "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count"
        on_server = [connection.scalar(sa.text(f"SHOW {name}")) for name in settings]
        lock_timeout = connection.scalar(sa.text("SHOW lock_timeout"))
    engine.dispose()
    options = psycopg2.extensions.parse_dsn(dsn)
    limits = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
    assert [options[name] for name in limits] == expected
    assert on_server == expected[:3]
    assert lock_timeout == {30.0: "22500ms", 12.0: "9s", 0.5: "375ms"}[limit_s]


@pytest.mark.timeout(120)
def test_an_idle_connection_to_a_silent_server_is_closed(source_url: str) -> None:
    port = urlsplit(source_url).port or 0
    proxy = Proxy(port)
    url = source_url.replace(f":{port}/", f":{proxy.port}/")
    engine = connect(url, application="test", response_timeout_s=RESPONSE_TIMEOUT_S, warm_s=0)
    try:
        engine.connect().close()  # idle in the pool from here on
        proxy.disturbance.partitioned = True
        with pytest.raises(Unavailable), postgres_errors(), engine.connect():
            pass
    finally:
        proxy.close()
        engine.dispose()


def test_connections_that_a_restart_broke_are_replaced(source_url: str) -> None:
    engine = connect(source_url, application="test")
    connections = [engine.connect() for _ in range(2)]
    pids = [connection.scalar(sa.text("SELECT pg_backend_pid()")) for connection in connections]
    for connection in connections:
        connection.close()
    other = connect(source_url, application="test")
    with other.connect() as connection:
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid, 60000) FROM unnest(:pids) pid"),
            {"pids": pids},
        )
    other.dispose()
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT pg_backend_pid()")) not in pids
    engine.dispose()


def test_a_connection_that_was_just_used_is_not_checked(source_url: str) -> None:
    port = urlsplit(source_url).port or 0
    proxy = Proxy(port)
    url = source_url.replace(f":{port}/", f":{proxy.port}/")
    engine = connect(url, application="test", response_timeout_s=RESPONSE_TIMEOUT_S, warm_s=3_600)
    try:
        engine.connect().close()
        proxy.disturbance.partitioned = True
        engine.connect().detach()  # a check would fail
    finally:
        proxy.close()
        engine.dispose()


def test_a_single_statement_is_the_only_one_of_its_session(source_url: str) -> None:
    engine, observer = connect(source_url, application="alone"), connect(source_url, application="")
    for _ in range(2):
        with single_statement(engine) as connection:
            connection.execute(sa.text("SELECT 7"))
    with single_statement(observer) as connection:
        last = sa.text(
            "SELECT query FROM pg_stat_activity WHERE application_name = 'minuano-alone'"
        )
        assert connection.scalars(last).all() == ["SELECT 7"]
    with engine.begin() as connection:
        assert connection.scalar(sa.text("SELECT txid_current_if_assigned()")) is None
        connection.execute(sa.text("SELECT txid_current()"))
        assert connection.scalar(sa.text("SELECT txid_current_if_assigned()")) is not None
    engine.dispose()
    observer.dispose()
