"""Requests that the connector refuses, with a message that says what is allowed."""

import base64
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from services.connector import cursor
from tests.integration.connector_process import (
    DAY,
    MINUTES,
    PARK,
    TURBINES,
    connector,
    execute,
    fields,
    get,
    rows,
)

HOSTILE = [
    "power; DROP TABLE data", "power'--", '"power"', "power FROM data; SELECT 1", "1", "*",
    "pg_sleep(10)", "timestamp", "%s", "$1", "{0}", "power\x00", "POWER", "\N{FULLWIDTH COMMA}",
    "(SELECT 1)", "x" * 10_000,
]  # fmt: skip


@pytest.fixture
def client(source_url: str) -> Iterator[TestClient]:
    execute(source_url, MINUTES)
    with connector(source_url, max_page_rows=5000) as client:
        yield client


@pytest.fixture
def park(source_url: str) -> Iterator[TestClient]:
    execute(source_url, TURBINES)
    with connector(source_url, **PARK) as client:
        yield client


@pytest.mark.parametrize(
    ("query", "field", "hint"),
    [
        ("", "start", "required"),
        ("start=", "start", "not a timestamp"),
        ("start=yesterday", "start", "2025-12-05T00:00:00Z"),
        ("start=0", "start", "not a timestamp"),
        ("start=20251205", "start", "not a timestamp"),
        ("start=2025-02-30", "start", "not a timestamp"),
        ("start=2025-12-05T00:00:00+03:00", "start", "%2B"),
        ("start=2025-12-05T24:01:00Z", "start", "not a timestamp"),
        ("start=0001-01-01", "start", "not between"),
        ("start=2025-12-05&end=2025-12-04", "end", "not after"),
        ("start=2025-12-05&end=2025-12-05", "end", "not after"),
        ("start=2025-12-05&end=9999-12-31", "end", "not between"),
        ("start=2025-12-05&end=", "end", "not a timestamp"),
        ("start=2025-12-05&variables=nope", "variables", "allowed: wind_speed, power"),
        ("start=2025-12-05&variables=power,power", "variables", "twice"),
        ("start=2025-12-05&variables=power&variables=power", "variables", "twice"),
        ("start=2025-12-05&variables=", "variables", "empty"),
        ("start=2025-12-05&variables=power,,wind_speed", "variables", "empty"),
        ("start=2025-12-05&assets=T01", "assets", "no asset column"),
        ("start=2025-12-05&asset=T01", "asset", "no asset column"),
        ("start=2025-12-05&asset=T01&asset=T01", "asset", "twice"),
        ("start=2025-12-05&asset=T01&assets=T02", "asset", "either `asset` or `assets`"),
        ("start=2025-12-05&asset=", "asset.0", "at least 1"),
        (f"start=2025-12-05&asset={'x' * 201}", "asset.0", "at most 200"),
        ("start=2025-12-05&limit=0", "limit", "greater than or equal to 1"),
        ("start=2025-12-05&limit=-1", "limit", "greater than or equal to 1"),
        ("start=2025-12-05&limit=5001", "limit", "1 to 5000"),
        ("start=2025-12-05&limit=99999999999999999999", "limit", "1 to 5000"),
        ("start=2025-12-05&limit=ten", "limit", "integer"),
        ("start=2025-12-05&cursor=", "cursor", "omit it"),
        ("start=2025-12-05&cursor=AAAA", "cursor", "omit it"),
        ("start=2025-12-05&date=2025-12-05", "date", "allowed: start, end, limit"),
        ("start=2025-12-05&start=2025-12-06", "start", "twice"),
    ],
)
def test_an_invalid_parameter_is_named_with_the_values_that_are_allowed(
    client: TestClient, query: str, field: str, hint: str
) -> None:
    response = client.get(f"/data?{query}")
    assert fields(response) == [field]
    assert hint in response.json()["detail"]


@pytest.mark.parametrize("path", ["/variables", "/assets", "/extent"])
def test_the_other_endpoints_accept_no_parameters(client: TestClient, path: str) -> None:
    assert fields(client.get(path, params={"limit": 1})) == ["limit"]


@pytest.mark.parametrize("name", HOSTILE)
def test_sql_in_a_variable_is_an_unknown_variable(client: TestClient, name: str) -> None:
    assert fields(client.get("/data", params={"start": DAY, "variables": name})) == ["variables"]
    assert len(rows(client, start=DAY)) == 1440


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\x00" not in name])
def test_sql_in_a_list_of_assets_has_no_samples(park: TestClient, name: str) -> None:
    assert rows(park, start=DAY, assets=name) == []
    assert len(rows(park, start=DAY)) == 150


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\x00" not in name][:-1])
def test_sql_in_an_exact_asset_name_has_no_samples(park: TestClient, name: str) -> None:
    assert rows(park, start=DAY, asset=name) == []


def test_an_impossible_exact_asset_name_is_refused(park: TestClient) -> None:
    assert fields(park.get("/data", params={"start": DAY, "asset": "T01\x00"})) == ["asset"]


def test_too_many_exact_asset_names_are_refused(park: TestClient) -> None:
    names = [f"T{n}" for n in range(1001)]
    assert fields(park.get("/data", params={"start": DAY, "asset": names})) == ["asset"]


@pytest.mark.parametrize("name", ["T01\x00", "", "T01,T01"])
def test_an_impossible_asset_in_a_list_is_refused(park: TestClient, name: str) -> None:
    assert fields(park.get("/data", params={"start": DAY, "assets": f"a,{name}"})) == ["assets"]


def test_too_many_assets_are_refused(park: TestClient) -> None:
    names = ",".join(f"T{n}" for n in range(1001))
    response = park.get("/data", params={"start": DAY, "assets": names})
    assert fields(response) == ["assets"]
    assert "1,000 are allowed" in response.json()["detail"]
    assert len(rows(park, start=DAY, assets=names.removesuffix(",T1000"))) == 50


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("int", ["x", "1.5", "٣", "", "9223372036854775808", "1" * 50]),
        ("uuid", ["x", "6ba7b810"]),
    ],
)
def test_an_asset_of_another_type_is_refused(source_url: str, kind: str, names: list[str]) -> None:
    execute(source_url, f"CREATE TABLE park (turbine {kind}, stamp timestamptz, power float8)")
    with connector(source_url, **PARK) as client:
        for name in names:
            assert fields(client.get("/data", params={"start": DAY, "assets": name})) == ["assets"]


def test_an_integer_outside_the_column_type_has_no_samples(source_url: str) -> None:
    execute(source_url, "CREATE TABLE park (turbine int2, stamp timestamptz, power float8)")
    with connector(source_url, **PARK) as client:
        assert rows(client, start=DAY, assets="9223372036854775807") == []


@pytest.mark.parametrize(
    "change", [{"start": "2025-12-04"}, {"end": "2025-12-07"}, {"variables": "power"}]
)
def test_a_cursor_of_another_query_is_refused(client: TestClient, change: dict[str, str]) -> None:
    first_cursor = get(client, "/data", start=DAY, limit=1).json()["next"]
    query = {"start": DAY, "cursor": first_cursor, **change}
    assert fields(client.get("/data", params=query)) == ["cursor"]


def test_a_cursor_of_other_assets_is_refused(park: TestClient) -> None:
    first_cursor = get(park, "/data", start=DAY, limit=1).json()["next"]
    for parameter in ("assets", "asset"):
        query = {"start": DAY, "cursor": first_cursor, parameter: "T02"}
        assert fields(park.get("/data", params=query)) == ["cursor"]


@pytest.mark.parametrize("asset", [None, "T01\x00"])
def test_a_forged_cursor_is_refused(park: TestClient, asset: str | None) -> None:
    first_cursor = get(park, "/data", start=DAY, limit=1).json()["next"]
    digest = base64.urlsafe_b64decode(first_cursor + "==")[: cursor.DIGEST_BYTES]
    timestamp = cursor.decode(first_cursor, digest).timestamp
    forged = cursor.encode(cursor.Key(timestamp, asset), digest)
    assert fields(park.get("/data", params={"start": DAY, "cursor": forged})) == ["cursor"]


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0"])
def test_an_unknown_format_is_not_acceptable(client: TestClient, accept: str) -> None:
    response = client.get("/data", params={"start": DAY}, headers={"Accept": accept})
    assert response.status_code == 406
    assert response.headers["content-type"] == "application/problem+json"
    assert "text/csv" in response.json()["detail"]


def test_a_key_is_required_if_one_is_set(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url, api_key=SecretStr("first,second")) as client:
        for path in ("/data?start=2025-12-05", "/variables", "/assets", "/extent"):
            assert client.get(path).status_code == 401
            wrong = client.get(path, headers={"Authorization": "Bearer wrong"})
            assert wrong.headers["www-authenticate"] == "Bearer"
            right = client.get(path, headers={"Authorization": "Bearer second"})
            assert right.status_code == 200
        assert client.get("/health/ready").status_code == 200
