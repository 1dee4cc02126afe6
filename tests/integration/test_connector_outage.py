"""The connector while its source is unavailable, slow or busy; and the connector as a process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg2
import pytest

from cli.embedded import ports
from cli.embedded.child_process import stop_all
from cli.embedded.postgres import Postgres
from tests.integration.connector_process import DAY, MINUTES, connector, execute, rows
from tests.polling import wait_until

WITHIN_S = 90.0
ANSWER_S = 30.0
QUERY = {"start": DAY}
TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'minuano-connector' AND usename = current_user
"""
# Reading this view takes 0.1 s per row.
SLOW = """
    CREATE VIEW data AS SELECT timestamptz '2025-12-05Z' + n * interval '1 min' AS timestamp,
    1.0 + length(pg_sleep(0.1)::text) AS power FROM generate_series(0, 99) n
"""


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory, server_folder: Path) -> Postgres:
    """A server that a test may stop."""
    folder = server_folder / f"stopped-{os.getpid()}-{time.monotonic_ns()}"
    return Postgres(folder, server_folder / "logs", settings=("fsync=off",))


def test_no_request_fails_after_a_restart_of_the_server(own_server: Postgres) -> None:
    child = own_server.start()
    url = own_server.url()
    try:
        execute(url, MINUTES)
        with connector(url) as client:
            expected = rows(client, start=DAY)
            stop_all([child], within_s=10)
            for path in ("/data?start=2025-12-05", "/variables", "/extent", "/health/ready"):
                response = client.get(path)
                assert response.status_code == 503
                assert response.headers["retry-after"] == "2"
                assert response.headers["content-type"] == "application/problem+json"
            assert client.get("/health/live").status_code == 200
            child = own_server.start()
            assert rows(client, start=DAY) == expected
            assert client.get("/health/ready").status_code == 200
    finally:
        stop_all([child], within_s=10)


def test_no_request_fails_after_the_server_has_ended_the_sessions(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        expected = rows(client, start=DAY)
        execute(source_url, TERMINATE)
        assert rows(client, start=DAY) == expected
        assert client.get("/health/ready").status_code == 200


def test_a_statement_has_a_time_limit(source_url: str) -> None:
    execute(source_url, SLOW)
    with connector(source_url, source_timeout_s=0.3) as client:
        response = client.get("/data", params=QUERY)
        assert client.get("/extent").status_code == 504
        paths = client.get("/openapi.json").json()["paths"]
    assert response.status_code == 504
    assert response.headers["content-type"] == "application/problem+json"
    assert "MINUANO_SOURCE_TIMEOUT_S=0.3; request a shorter range" in response.json()["detail"]
    for path in ("/data", "/assets", "/extent"):
        assert "504" in paths[path]["get"]["responses"]


def test_a_query_without_parameters_has_the_same_limit(source_url: str) -> None:
    """ADBC would read its rows by COPY, which reports errors late."""
    execute(source_url, SLOW.replace("1.0 +", "n::int AS turbine, 1.0 +"))
    with connector(source_url, source_timeout_s=0.3, source_asset_column="turbine") as client:
        response = client.get("/assets")
    assert response.status_code == 504
    assert response.headers["content-type"] == "application/problem+json"


def test_more_requests_than_connections_are_refused_in_time(source_url: str) -> None:
    execute(source_url, SLOW)
    bounds = {"source_connections": 1, "source_timeout_s": 600.0}
    with connector(source_url, pool_timeout_s=0.2, **bounds) as client:
        first = threading.Thread(target=client.get, args=("/data?start=2025-12-05",))
        first.start()
        wait_until(lambda: _is_querying(source_url), what="the query of the first request")
        response = client.get("/data", params=QUERY)
        assert client.get("/health/ready").status_code == 200
        execute(source_url, TERMINATE)
        first.join()
    assert response.status_code == 503
    assert "busy" in response.json()["detail"]


def _is_querying(url: str) -> bool:
    """Whether a query of the connector is running."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_stat_activity WHERE application_name = 'minuano-connector' "
            "AND datname = current_database() AND wait_event = 'PgSleep'"
        )
        return cursor.fetchone() is not None


@pytest.fixture
def process(source_url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m services.connector` and its address."""
    execute(source_url, MINUTES)
    port = ports.free()
    env = {**os.environ, "MINUANO_SOURCE_URL": source_url, "MINUANO_PORT": str(port)}
    command = [sys.executable, "-m", "services.connector"]
    child = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    yield child, f"http://127.0.0.1:{port}"
    child.kill()
    child.communicate()


def is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/ready", timeout=ANSWER_S).is_success
    except httpx.TransportError:
        return False


def test_the_process_serves_and_exits_on_sigterm(
    process: tuple[subprocess.Popen[str], str],
) -> None:
    child, address = process
    wait_until(lambda: is_ready(address), what="the process")
    response = httpx.get(f"{address}/data", params={**QUERY, "limit": 1000}, timeout=ANSWER_S)
    next_page = httpx.get(response.links["next"]["url"], timeout=ANSWER_S)
    assert len(response.json()["data"] + next_page.json()["data"]) == 1440
    child.send_signal(signal.SIGTERM)
    assert child.wait(WITHIN_S) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"MINUANO_SOURCE_URL": ""}, "MINUANO_SOURCE_URL: is not set"),
        ({"MINUANO_SOURCE_URL": "mysql://x"}, "MINUANO_SOURCE_URL: "),
        ({"MINUANO_SOURCE_TABLE": "nope"}, "MINUANO_SOURCE_TABLE: no table or view 'nope'"),
        ({"MINUANO_MAX_PAGE_ROWS": "0"}, "MINUANO_MAX_PAGE_ROWS: "),
    ],
)
def test_a_wrong_setting_ends_the_process_with_one_line(
    source_url: str, changed: dict[str, str], message: str
) -> None:
    env = {**os.environ, "MINUANO_SOURCE_URL": source_url, "MINUANO_PORT": "0", **changed}
    command = [sys.executable, "-m", "services.connector"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert message in line
    assert "minuano_owner:" not in line
