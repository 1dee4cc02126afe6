"""Sources for the connector's tests, and clients that read all pages of one."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pyarrow as pa
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import SecretStr

from services.connector.__main__ import build
from services.connector.settings import ConnectorSettings
from shared.postgres.engines import POOL_TIMEOUT_S

ARROW = "application/vnd.apache.arrow.stream"
DAY = "2025-12-05"
MINUTES = """
    CREATE TABLE data (timestamp timestamptz PRIMARY KEY, wind_speed float8, power float8);
    INSERT INTO data SELECT timestamptz '2025-12-05Z' + n * interval '1 minute', n / 7.0, n * 1.5
    FROM generate_series(0, 1439) n
"""
TURBINES = """
    CREATE TABLE park (turbine text, stamp timestamptz, power float8, PRIMARY KEY (turbine, stamp));
    INSERT INTO park SELECT t, timestamptz '2025-12-05Z' + n * interval '1 minute', n
    FROM unnest(ARRAY['T02', 'T01', 'T10']) t, generate_series(0, 49) n
"""
PARK = {
    "source_table": "park", "source_time_column": "stamp", "source_asset_column": "turbine",
}  # fmt: skip


def execute(url: str, statements: str) -> None:
    """Run statements in a session whose clock shows UTC."""
    with closing(psycopg2.connect(url, options="-c timezone=UTC")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statements)


@contextmanager
def connector(
    url: str, *, pool_timeout_s: Any = POOL_TIMEOUT_S, **settings: Any
) -> Iterator[TestClient]:
    """A client of a connector whose source has been opened."""
    chosen = ConnectorSettings(source_url=SecretStr(url), port=0, **settings)
    running = build(chosen, pool_timeout_s=pool_timeout_s)
    with running as (app, catalog), TestClient(app) as client:
        catalog.open()
        yield client


def get(client: TestClient, path: str, **parameters: Any) -> Response:
    """A successful answer."""
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer


def rows(client: TestClient, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of one page, from JSON."""
    found: list[dict[str, Any]] = get(client, "/data", **parameters).json()["data"]
    return found


def all_rows(client: TestClient, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of all pages, by following Link; it has to end."""
    found = []
    answer = get(client, "/data", **parameters)
    for _ in range(10_000):
        found += answer.json()["data"]
        if "next" not in answer.links:
            assert answer.json()["next"] is None
            return found
        answer = client.get(answer.links["next"]["url"])
    raise AssertionError("the pages never end")


def all_tables(client: TestClient, **parameters: Any) -> list[pa.Table]:
    """The Arrow tables of all pages, by the cursor in the header."""
    found = []
    while True:
        answer = client.get("/data", params=parameters, headers={"Accept": ARROW})
        assert answer.status_code == 200, answer.text
        found.append(pa.ipc.open_stream(answer.content).read_all())
        assert answer.headers["Minuano-Rows"] == str(found[-1].num_rows)
        if "Minuano-Next" not in answer.headers:
            return found
        parameters["cursor"] = answer.headers["Minuano-Next"]


def fields(answer: Response) -> list[str]:
    """The fields that a 422 names."""
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [error["field"] for error in answer.json()["errors"]]
