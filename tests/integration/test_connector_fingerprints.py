"""`GET /fingerprints`: for each local day the fingerprints that a slice of that day would have."""

from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from shared.domain.fingerprint import fingerprints
from tests.integration.connector_process import (
    ARROW,
    DAY,
    MINUTES,
    PARK,
    TURBINES,
    connector,
    execute,
    get,
)

TWO_DAYS = {"start": DAY, "end": "2025-12-07"}
LATE = """;
    CREATE TABLE late AS
    SELECT timestamp + interval '1 minute' AS timestamp, wind_speed, power FROM data
"""
OVER_MIDNIGHT = """
    CREATE TABLE data (timestamp timestamptz, wind_speed float8, power float8);
    INSERT INTO data SELECT timestamptz '2025-12-05Z' + n * interval '7 minute', n, nullif(n % 5, 0)
    FROM generate_series(0, 400) n, generate_series(1, 2)
"""


def day_fingerprints(client: TestClient, **query: Any) -> list[dict[str, Any]]:
    days: list[dict[str, Any]] = get(client, "/fingerprints", **query).json()
    return days


def sample_fingerprints(
    client: TestClient, *, limit: int = 50_000, **query: Any
) -> tuple[int, tuple[str, ...]]:
    """The number of samples of `GET /data`, and their fingerprints."""
    response = client.get("/data", params={**query, "limit": limit}, headers={"Accept": ARROW})
    table = pa.ipc.open_stream(response.content).read_all()
    return table.num_rows, fingerprints(
        table.drop_columns([c for c in ("asset",) if c in table.column_names])
    )


@pytest.mark.parametrize("page_rows", [7, 144, 50_000])
def test_each_day_has_the_fingerprints_of_its_samples(source_url: str, page_rows: int) -> None:
    execute(source_url, OVER_MIDNIGHT)
    with connector(source_url, max_page_rows=50_000) as client:
        expected = [
            sample_fingerprints(client, start="2025-12-05", end="2025-12-06"),
            sample_fingerprints(client, start="2025-12-06", end="2025-12-07"),
        ]
    with connector(source_url, max_page_rows=page_rows) as client:
        days = day_fingerprints(client, **TWO_DAYS)
    assert [(day["asset"], day["day"]) for day in days] == [("", DAY), ("", "2025-12-06")]
    assert [(day["rows"], tuple(day["fingerprints"].values())) for day in days] == expected


def test_each_asset_has_its_own_fingerprints(source_url: str) -> None:
    execute(source_url, TURBINES)
    with connector(source_url, **PARK, max_page_rows=60) as client:
        days = day_fingerprints(client, start=DAY)
        assert [(day["asset"], day["rows"]) for day in days] == [
            ("T01", 50), ("T02", 50), ("T10", 50),
        ]  # fmt: skip
        [power] = sample_fingerprints(client, limit=60, start=DAY, assets="T02")[1]
        assert day_fingerprints(client, start=DAY, asset="T02") == [days[1]]
        assert days[1]["fingerprints"] == {"power": power}


def test_a_year_of_one_asset_is_one_request(source_url: str) -> None:
    execute(source_url, TURBINES)
    with connector(source_url, **PARK) as client:
        year = {"start": "2025-01-01", "end": "2026-01-02"}
        assert [day["rows"] for day in day_fingerprints(client, **year, asset="T02")] == [50]
        for several in ({}, {"asset": ["T01", "T02"]}, {"assets": "T01,T02"}):
            response = client.get("/fingerprints", params={**year, **several})
            assert (response.status_code, "1 to 31 days" in response.text) == (422, True)
        longer = client.get("/fingerprints", params={**year, "end": "2026-01-03", "asset": "T02"})
        assert (longer.status_code, "1 to 366 days" in longer.text) == (422, True)


def test_days_are_local_days_of_the_source(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url, source_timezone="America/Sao_Paulo") as client:
        days = day_fingerprints(client, start="2025-12-04", end="2025-12-06")
    assert [(day["day"], day["rows"]) for day in days] == [
        ("2025-12-04", 180),
        ("2025-12-05", 1260),
    ]


@pytest.mark.parametrize("key", ["", "; ALTER TABLE late ADD PRIMARY KEY (timestamp)"])
def test_a_timestamp_at_the_end_of_a_sample_counts_at_the_start_of_the_sample(
    source_url: str, key: str
) -> None:
    """By the source, and by the connector where timestamps may repeat."""
    execute(source_url, MINUTES + LATE + key)
    with connector(source_url) as client:
        [at_start] = day_fingerprints(client, start=DAY)
    with connector(source_url, source_timestamp_label="end", source_table="late") as client:
        assert day_fingerprints(client, start=DAY) == [at_start]


def test_days_without_samples_are_omitted(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        assert day_fingerprints(client, start="2024-01-01", end="2024-02-01") == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"start": DAY, "end": DAY}, "1 to 366 days"),
        ({"start": DAY, "end": "2025-12-04"}, "1 to 366 days"),
        ({"start": DAY, "end": "2026-12-07"}, "1 to 366 days"),
        ({"start": "yesterday"}, "YYYY-MM-DD"),
        ({"start": "2025-12-05T00:00:00Z"}, "YYYY-MM-DD"),
        ({}, "start"),
        ({"start": DAY, "variables": "gusts"}, "unknown: gusts"),
        ({"start": DAY, "assets": "T01"}, "no asset column"),
        ({"start": DAY, "limit": "5"}, "unknown parameter"),
    ],
)
def test_an_invalid_query_is_refused_with_the_reason(
    source_url: str, query: dict[str, str], message: str
) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        response = client.get("/fingerprints", params=query)
    assert response.status_code == 422
    assert message in response.text
