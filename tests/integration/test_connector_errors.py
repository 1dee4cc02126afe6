"""How the connector answers to errors of the source: docs/protocol.md has the table."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest
from fastapi.testclient import TestClient

from tests.integration.connector_process import DAY, MINUTES, connector, execute

READER, OWNER = "minuano_reader", "minuano_owner"
CANCELS_ITSELF = """
    CREATE VIEW data AS SELECT timestamptz '2025-12-05Z' AS timestamp,
    CASE WHEN pg_cancel_backend(pg_backend_pid()) THEN 1.0 END AS power
"""


@pytest.fixture
def reader(source_url: str) -> Iterator[TestClient]:
    execute(source_url, MINUTES)
    with connector(source_url.replace(OWNER, READER)) as client:
        yield client


def test_a_privilege_that_is_withdrawn_is_an_error_with_the_servers_sentence(
    source_url: str, reader: TestClient
) -> None:
    execute(source_url, f"REVOKE ALL ON data FROM {READER}")
    response = reader.get("/data", params={"start": DAY})
    assert (response.status_code, response.json()["detail"]) == (
        500, "PostgreSQL: permission denied for table data (42501)",
    )  # fmt: skip
    assert response.headers["content-type"] == "application/problem+json"
    assert reader.get("/health/ready").status_code == 503


def test_rows_that_a_policy_hides_are_not_taken_for_deleted_ones(
    source_url: str, reader: TestClient
) -> None:
    execute(source_url, "ALTER TABLE data ENABLE ROW LEVEL SECURITY")
    response = reader.get("/data", params={"start": DAY})
    assert (response.status_code, response.json()["detail"]) == (
        500,
        'PostgreSQL: query would be affected by row-level security policy for table "data" (42501)',
    )
    assert reader.get("/health/ready").status_code == 503


def test_a_query_that_a_person_cancels_can_be_sent_again(source_url: str) -> None:
    execute(source_url, CANCELS_ITSELF)
    with connector(source_url) as client:
        response = client.get("/data", params={"start": DAY})
    assert response.status_code == 503
    assert "user request" in response.json()["detail"]


POWER = """
    CREATE VIEW data AS SELECT timestamptz '2025-12-05Z' + n * interval '1 min' AS timestamp,
    {} AS power FROM generate_series(0, 9) n
"""
RAISES = """
    CREATE FUNCTION f(n int) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN
        RAISE 'no' USING ERRCODE = '{}'; END $$;
"""
DIVIDES = POWER.format("1.0 / (n - 5)")
WRITES = "CREATE SEQUENCE s;" + POWER.format("nextval('s')::float8")
FOREIGN_SERVER = RAISES.format("HV00N") + POWER.format("f(n)")


@pytest.mark.parametrize(
    ("view", "status", "sentence"),
    [
        (DIVIDES, 500, "PostgreSQL rejects the values: division by zero (22012)"),
        (WRITES, 500, "PostgreSQL: cannot execute nextval() in a read-only transaction (25006)"),
        (FOREIGN_SERVER, 503, "PostgreSQL: no (HV00N)"),
    ],
)
def test_what_a_view_can_never_answer_is_told_from_an_outage(
    source_url: str, view: str, status: int, sentence: str
) -> None:
    execute(source_url, view)
    with connector(source_url) as client:
        response = client.get("/data", params={"start": DAY})
    assert (response.status_code, response.json()["detail"]) == (status, sentence)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another session changes the table."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE data IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_locked_table_is_waited_for(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url, source_timeout_s=0.4) as client, locked(source_url):
        response = client.get("/data", params={"start": DAY})
    assert response.status_code == 503
    assert "lock timeout" in response.json()["detail"]
