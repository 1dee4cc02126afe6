"""`GET /data` over a real PostgreSQL: the rows, page by page, in three formats."""

import csv
import io
import math
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from shared.domain.batches import TIMESTAMP
from tests.integration.connector_process import (
    ARROW,
    DAY,
    MINUTES,
    all_rows,
    all_tables,
    connector,
    execute,
    get,
    rows,
)

PAGE_LIMITS = (1, 7, 100, 1441)


@pytest.fixture
def client(source_url: str) -> Iterator[TestClient]:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        yield client


def test_a_date_selects_all_samples_of_the_day_in_order(client: TestClient) -> None:
    data = rows(client, start=DAY)
    assert len(data) == 1440
    assert data[0] == {"timestamp": "2025-12-05T00:00:00Z", "wind_speed": 0.0, "power": 0.0}
    assert data[-1]["timestamp"] == "2025-12-05T23:59:00Z"
    assert [row["wind_speed"] for row in data] == [n / 7.0 for n in range(1440)]


def test_start_is_included_and_end_is_excluded(client: TestClient) -> None:
    data = rows(client, start="2025-12-05T10:00:00Z", end="2025-12-05T10:03:00Z")
    assert [row["timestamp"][11:16] for row in data] == ["10:00", "10:01", "10:02"]


def test_the_default_end_is_the_midnight_after_start(client: TestClient, source_url: str) -> None:
    execute(source_url, "INSERT INTO data VALUES ('2025-12-06Z', 1, 1)")
    data = rows(client, start="2025-12-05T23:58:00Z")
    assert [row["timestamp"][11:16] for row in data] == ["23:58", "23:59"]


def test_an_offset_is_respected(client: TestClient) -> None:
    data = rows(client, start="2025-12-05T09:00:00-03:00", end="2025-12-05T12:01:00Z")
    assert [row["timestamp"] for row in data] == ["2025-12-05T12:00:00Z"]


@pytest.mark.parametrize("limit", PAGE_LIMITS)
def test_pages_of_any_size_hold_the_same_rows(client: TestClient, limit: int) -> None:
    start = "2025-12-05T20:00:00Z" if limit == 1 else DAY
    assert all_rows(client, start=start, limit=limit) == rows(client, start=start)


def test_all_pages_but_the_last_have_limit_rows(client: TestClient) -> None:
    assert [t.num_rows for t in all_tables(client, start=DAY, limit=500)] == [500, 500, 440]


@pytest.mark.parametrize("limit", [720, 1440])
def test_a_full_last_page_is_the_last(client: TestClient, limit: int) -> None:
    assert len(all_tables(client, start=DAY, limit=limit)) == 1440 / limit


def test_the_link_keeps_every_parameter(client: TestClient) -> None:
    response = get(
        client, "/data", start="2025-12-05T01:00:00+01:00", variables=["power", "wind_speed"],
        limit=2,
    )  # fmt: skip
    next_page = client.get(response.links["next"]["url"])
    expected = ["timestamp", "power", "wind_speed"]
    assert [list(row) for row in next_page.json()["data"]] == [expected, expected]
    assert next_page.json()["data"][0]["timestamp"] == "2025-12-05T00:02:00Z"


def test_body_and_header_have_the_same_cursor(client: TestClient) -> None:
    response = get(client, "/data", start=DAY, limit=10)
    assert response.json()["next"] == response.headers["Minuano-Next"]
    assert response.headers["Minuano-Rows"] == "10"


def test_rows_inserted_after_a_cursor_are_on_the_next_pages(
    client: TestClient, source_url: str
) -> None:
    cursor = get(client, "/data", start=DAY, limit=1439).json()["next"]
    execute(source_url, "INSERT INTO data VALUES ('2025-12-05T23:59:30Z', 1, 1)")
    data = rows(client, start=DAY, limit=1439, cursor=cursor)
    assert [row["timestamp"][11:19] for row in data] == ["23:59:00", "23:59:30"]


def test_variables_are_in_the_order_of_the_request(client: TestClient) -> None:
    for variables in ("power,wind_speed", ["power", "wind_speed"]):
        [table] = all_tables(client, start=DAY, variables=variables)
        assert table.column_names == ["timestamp", "power", "wind_speed"]


def test_the_arrow_schema_is_exact(client: TestClient) -> None:
    for day in (DAY, "1999-01-01"):
        [table] = all_tables(client, start=day)
        expected = [("timestamp", TIMESTAMP), ("wind_speed", pa.float64()), ("power", pa.float64())]
        assert table.schema.equals(pa.schema(expected), check_metadata=True)


def test_a_day_without_samples_is_an_empty_page(client: TestClient) -> None:
    response = get(client, "/data", start="1999-01-01")
    assert response.json() == {"data": [], "next": None}
    assert response.headers["Minuano-Rows"] == "0"
    assert "Link" not in response.headers


def read_csv(client: TestClient, **parameters: Any) -> list[dict[str, str]]:
    response = client.get("/data", params=parameters, headers={"Accept": "text/csv"})
    assert response.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.text)))


def test_csv_and_arrow_hold_what_json_holds(client: TestClient) -> None:
    expected = rows(client, start=DAY)
    assert [
        {k: v if k == "timestamp" else float(v) for k, v in row.items()}
        for row in read_csv(client, start=DAY)
    ] == expected
    [table] = all_tables(client, start=DAY)
    assert [
        {**row, "timestamp": row["timestamp"].strftime("%Y-%m-%dT%H:%M:%SZ")}
        for row in table.to_pylist()
    ] == expected


def test_csv_for_spreadsheets_has_the_same_numbers(client: TestClient) -> None:
    assert read_csv(client, start=DAY, spreadsheet="true") == read_csv(client, start=DAY)
    assert client.get("/data", params={"start": DAY, "spreadsheet": "true"}).status_code == 422


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("application/json;q=0.5, text/csv;q=0.9", "text/csv; charset=utf-8"),
        (f"{ARROW}, application/json;q=0.1", ARROW),
    ],
)
def test_the_accept_header_selects_the_format(
    client: TestClient, accept: str, expected: str
) -> None:
    response = client.get("/data", params={"start": DAY}, headers={"Accept": accept})
    assert response.headers["content-type"] == expected
    assert response.headers["vary"] == "Accept"


def test_null_nan_and_infinity_are_kept(source_url: str) -> None:
    execute(
        source_url,
        "CREATE TABLE data (timestamp timestamptz PRIMARY KEY, power float8);"
        "INSERT INTO data VALUES ('2025-12-05T00:00Z', 'NaN'), ('2025-12-05T00:01Z', 'Infinity'),"
        "('2025-12-05T00:02Z', '-Infinity'), ('2025-12-05T00:03Z', NULL)",
    )
    with connector(source_url) as client:
        [table] = all_tables(client, start=DAY)
        nan, *others = table["power"].to_pylist()
        assert math.isnan(nan)
        assert others == [math.inf, -math.inf, None]
        assert [row["power"] for row in read_csv(client, start=DAY)] == ["nan", "inf", "-inf", ""]
        assert [row["power"] for row in rows(client, start=DAY)] == [None] * 4


def test_every_numeric_type_is_delivered_as_float64(source_url: str) -> None:
    execute(
        source_url,
        "CREATE DOMAIN speed AS float8;"
        "CREATE TABLE data (timestamp timestamptz PRIMARY KEY, a int2, b int8, c numeric(12, 3),"
        "d real, e speed, flag bool, note text);"
        "INSERT INTO data VALUES ('2025-12-05Z', 1, 2, 3.125, 4.5, 5.5, true, 'x')",
    )
    with connector(source_url) as client:
        [table] = all_tables(client, start=DAY)
    assert table.drop_columns("timestamp").to_pylist() == [
        {"a": 1.0, "b": 2.0, "c": 3.125, "d": 4.5, "e": 5.5}
    ]


def test_fractions_of_a_second_are_kept(source_url: str) -> None:
    execute(
        source_url,
        "CREATE TABLE data (timestamp timestamptz PRIMARY KEY, power float8);"
        "INSERT INTO data VALUES ('2025-12-05T00:00:00.25Z', 1), ('2025-12-05T00:00:01Z', 2)",
    )
    with connector(source_url) as client:
        expected = ["2025-12-05T00:00:00.250000Z", "2025-12-05T00:00:01Z"]
        assert [row["timestamp"] for row in all_rows(client, start=DAY, limit=1)] == expected
        assert read_csv(client, start=DAY)[0]["timestamp"] == expected[0]
