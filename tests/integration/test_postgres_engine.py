"""What a session on PostgreSQL is set to."""

from urllib.parse import urlsplit

import psycopg2
import pytest
import sqlalchemy as sa

from shared.errors import Unavailable
from shared.postgres.engines import connect, postgres_errors
from tests.faults.proxy import Proxy

OURS = {
    "TimeZone": "UTC", "lock_timeout": "30s", "idle_in_transaction_session_timeout": "1min",
    "tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
}  # fmt: skip
ANSWER_TIMEOUT_S = 0.5


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", OURS),
        ("?options=-csearch_path%3Detl", {**OURS, "search_path": "etl"}),
        ("?options=-csearch_path%3Detl%20-c%20work_mem%3D5MB",
         {**OURS, "search_path": "etl", "work_mem": "5MB"}),
        ("?options=-csearch_path%3Detl&options=-cwork_mem%3D5MB",
         {**OURS, "search_path": "etl", "work_mem": "5MB"}),
        ("?options=-ctimezone%3DAsia/Tokyo", OURS),
    ],
)  # fmt: skip
def test_a_session_has_our_options_and_those_of_the_url(
    source_url: str, query: str, expected: dict[str, str]
) -> None:
    engine = connect(source_url + query, application="test")
    with engine.connect() as connection:
        shown = {name: connection.scalar(sa.text(f"SHOW {name}")) for name in expected}
    engine.dispose()
    assert shown == expected


def test_what_is_sent_and_not_acknowledged_ends_a_connection_as_silence_does(
    source_url: str,
) -> None:
    engine = connect(source_url, application="test")
    with engine.connect() as connection:
        dsn = getattr(connection.connection.dbapi_connection, "dsn", "")
    engine.dispose()
    given = psycopg2.extensions.parse_dsn(dsn)
    bounds = ("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
    assert [given[name] for name in bounds] == ["10", "5", "3", "25000"]


@pytest.mark.timeout(120)
def test_an_idle_connection_to_a_server_gone_silent_is_given_up(source_url: str) -> None:
    port = urlsplit(source_url).port or 0
    proxy = Proxy(port)
    url = source_url.replace(f":{port}/", f":{proxy.port}/")
    engine = connect(url, application="test", answer_timeout_s=ANSWER_TIMEOUT_S)
    try:
        engine.connect().close()  # idle in the pool from here on
        proxy.disturbance.silent = True
        with pytest.raises(Unavailable), postgres_errors(), engine.connect():
            pass
    finally:
        proxy.close()
        engine.dispose()


def test_connections_that_a_restart_has_cut_are_made_anew(source_url: str) -> None:
    engine = connect(source_url, application="test")
    kept = [engine.connect() for _ in range(2)]
    pids = [connection.scalar(sa.text("SELECT pg_backend_pid()")) for connection in kept]
    for connection in kept:
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
