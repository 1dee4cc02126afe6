"""Sources with an asset column: the assets, and the order of their rows."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from tests.integration.connector_process import (
    DAY,
    MINUTES,
    PARK,
    TURBINES,
    all_rows,
    all_tables,
    connector,
    execute,
    get,
    rows,
)


@pytest.fixture
def client(source_url: str) -> Iterator[TestClient]:
    execute(source_url, TURBINES)
    with connector(source_url, **PARK) as client:
        yield client


def keys(data: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["asset"], row["timestamp"]) for row in data]


def test_rows_are_ordered_by_asset_and_timestamp(client: TestClient) -> None:
    row_keys = keys(rows(client, start=DAY))
    assert row_keys == sorted(row_keys)
    assert len(row_keys) == 150


@pytest.mark.parametrize("limit", [1, 7, 49, 50, 51, 149])
@pytest.mark.parametrize("assets", [None, "T01", "T10,T01"])
def test_pages_of_any_size_hold_the_same_rows(
    client: TestClient, limit: int, assets: str | None
) -> None:
    query = {"start": DAY, **({"assets": assets} if assets else {})}
    data = all_rows(client, **query, limit=limit)
    assert data == rows(client, **query)
    assert len(data) == 50 * len((assets or "T01,T02,T10").split(","))


def test_only_requested_assets_are_delivered(client: TestClient) -> None:
    for assets in ("T10,T01", ["T01", "T10"]):
        data = rows(client, start=DAY, assets=assets)
        assert {row["asset"] for row in data} == {"T01", "T10"}


@pytest.mark.parametrize("name", ["T01,T02", " T01", "T01 ", "a+b & c", "T" * 200])
def test_the_parameter_asset_takes_an_exact_name(source_url: str, name: str) -> None:
    execute(source_url, TURBINES)
    execute(source_url, f"UPDATE park SET turbine = '{name}' WHERE turbine = 'T10'")
    with connector(source_url, **PARK) as client:
        data = all_rows(client, start=DAY, asset=name, limit=20)
        assert [row["asset"] for row in data] == [name] * 50
        both = all_rows(client, start=DAY, asset=[name, "T02"], limit=20)
        assert both == rows(client, start=DAY, asset=["T02", name])
        assert {row["asset"] for row in both} == {name, "T02"}


def test_both_parameters_for_assets_are_documented(client: TestClient) -> None:
    operation = get(client, "/openapi.json").json()["paths"]["/data"]["get"]
    descriptions = {p["name"]: p["description"] for p in operation["parameters"]}
    assert "separated by commas" in descriptions["variables"]
    assert "Instead of `assets`" in descriptions["asset"]


def test_an_asset_without_samples_has_no_rows(client: TestClient) -> None:
    assert rows(client, start=DAY, assets="T99") == []


def test_the_asset_is_the_second_column_and_text(client: TestClient) -> None:
    [table] = all_tables(client, start=DAY)
    assert table.schema.names == ["timestamp", "asset", "power"]
    assert table.schema.field("asset").type == pa.string()


def test_json_rows_name_their_asset(client: TestClient) -> None:
    [first] = rows(client, start=DAY, limit=1)
    assert first == {"timestamp": "2025-12-05T00:00:00Z", "asset": "T01", "power": 0.0}


def test_an_asset_with_a_comma_or_a_quote_is_quoted_in_csv(source_url: str) -> None:
    execute(source_url, TURBINES)
    execute(source_url, """UPDATE park SET turbine = 'a,"b' WHERE turbine = 'T01'""")
    with connector(source_url, **PARK) as client:
        response = client.get("/data?start=2025-12-05", headers={"Accept": "text/csv"})
    assert '"a,""b"' in response.text


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("int", "1, 2, 10", ["1", "2", "10"]),
        ("text", "'b', 'a', ''", ["a", "b"]),
        ("varchar(3)", "'b', 'a', NULL", ["a", "b"]),
        (
            "uuid",
            "'6BA7B810-9DAD-11D1-80B4-00C04FD430C8', NULL",
            ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
        ),
    ],
)
@pytest.mark.parametrize("index", ["(turbine, stamp)", "(stamp)"])
def test_assets_are_listed_as_text_and_can_be_requested(
    source_url: str, kind: str, values: str, expected: list[str], index: str
) -> None:
    execute(
        source_url,
        f"CREATE TABLE park (turbine {kind}, stamp timestamptz, power float8);"
        f"CREATE INDEX ON park {index};"
        f"INSERT INTO park SELECT v, s, 1 FROM unnest(ARRAY[{values}]::{kind}[]) v,"
        "unnest(ARRAY['2025-12-05Z', '2025-12-05T01:00Z']::timestamptz[]) s",
    )
    with connector(source_url, **PARK) as client:
        assert get(client, "/assets").json() == expected
        assert [span["asset"] for span in get(client, "/extent").json()["assets"]] == expected
        assert [row["asset"] for row in all_rows(client, start=DAY, limit=1)] == [
            asset for asset in expected for _ in range(2)
        ]
        for asset in expected:
            data = all_rows(client, start=DAY, assets=asset, limit=1)
            assert [row["asset"] for row in data] == [asset, asset]


def test_a_name_longer_than_the_column_matches_nothing(source_url: str) -> None:
    execute(
        source_url,
        "CREATE TABLE park (turbine varchar(3), stamp timestamptz, power float8);"
        "INSERT INTO park VALUES ('T01', '2025-12-05Z', 1)",
    )
    with connector(source_url, **PARK) as client:
        assert rows(client, start=DAY, assets="T01-longer") == []


def test_without_an_asset_column_there_are_no_assets(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        assert get(client, "/assets").json() == []


@pytest.mark.parametrize("index", ["", "CREATE INDEX ON park (turbine, stamp)"])
def test_the_extent_is_given_for_each_asset_and_for_the_whole_source(
    source_url: str, index: str
) -> None:
    execute(
        source_url,
        "CREATE TABLE park (turbine text, stamp timestamptz, power float8);"
        "INSERT INTO park VALUES ('a', '2025-01-01Z', 1), ('a', '2025-01-02Z', 1),"
        f"('b', '2024-12-31Z', 1), ('b', 'infinity', 1), (NULL, '1999-01-01Z', 1); {index}",
    )
    with connector(source_url, **PARK) as client:
        assert get(client, "/extent").json() == {
            "first": "2024-12-31T00:00:00Z",
            "last": "2025-01-02T00:00:00Z",
            "assets": [
                {"asset": "a", "first": "2025-01-01T00:00:00Z", "last": "2025-01-02T00:00:00Z"},
                {"asset": "b", "first": "2024-12-31T00:00:00Z", "last": "2024-12-31T00:00:00Z"},
            ],
        }


@pytest.mark.parametrize("settings", [{}, PARK])
def test_the_extent_of_an_empty_source_is_null(source_url: str, settings: dict[str, str]) -> None:
    execute(source_url, MINUTES + ";" + TURBINES + "; TRUNCATE data, park")
    with connector(source_url, **settings) as client:
        assert get(client, "/extent").json() == {"first": None, "last": None, "assets": []}
