"""Source tables for the connector's tests, and functions that read all pages."""

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
    """Run statements in a session with the time zone UTC."""
    with closing(psycopg2.connect(url, options="-c timezone=UTC")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statements)


@contextmanager
def connector(
    url: str, *, pool_timeout_s: Any = POOL_TIMEOUT_S, **settings: Any
) -> Iterator[TestClient]:
    """A client of a connector that has opened its source."""
    connector_settings = ConnectorSettings(source_url=SecretStr(url), port=0, **settings)
    app_context = build(connector_settings, pool_timeout_s=pool_timeout_s)
    with app_context as (app, catalog), TestClient(app, "http://localhost") as client:
        catalog.open()
        yield client


def get(client: TestClient, path: str, **parameters: Any) -> Response:
    """A successful response."""
    response = client.get(path, params=parameters)
    assert response.status_code == 200, response.text
    return response


def rows(client: TestClient, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of one page, from JSON."""
    data: list[dict[str, Any]] = get(client, "/data", **parameters).json()["data"]
    return data


def all_rows(client: TestClient, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of all pages, by following the header `Link`."""
    data = []
    response = get(client, "/data", **parameters)
    for _ in range(10_000):
        data += response.json()["data"]
        if "next" not in response.links:
            assert response.json()["next"] is None
            return data
        response = client.get(response.links["next"]["url"])
    raise AssertionError("there is no last page")


def all_tables(client: TestClient, **parameters: Any) -> list[pa.Table]:
    """The Arrow tables of all pages, by the cursor in the header `Minuano-Next`."""
    tables = []
    while True:
        response = client.get("/data", params=parameters, headers={"Accept": ARROW})
        assert response.status_code == 200, response.text
        tables.append(pa.ipc.open_stream(response.content).read_all())
        assert response.headers["Minuano-Rows"] == str(tables[-1].num_rows)
        if "Minuano-Next" not in response.headers:
            return tables
        parameters["cursor"] = response.headers["Minuano-Next"]


def fields(response: Response) -> list[str]:
    """The fields that a 422 names."""
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return [error["field"] for error in response.json()["errors"]]
