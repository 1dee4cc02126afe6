"""Reflection of the source: tables, views, schemas, new columns and missing objects."""

import zoneinfo
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from services.connector.__main__ import build, open_source
from services.connector.adbc_reader import Reader
from services.connector.settings import ConnectorSettings
from shared.errors import ConfigurationError, Unavailable
from tests.integration.connector_process import DAY, MINUTES, connector, execute, fields, get, rows

OWNER, READER = "minuano_owner", "minuano_reader"


def test_variables_are_the_numeric_columns(source_url: str) -> None:
    execute(
        source_url,
        "CREATE TABLE data (timestamp timestamptz PRIMARY KEY, wind_speed float8, note text,"
        "power numeric, running bool)",
    )
    with connector(source_url) as client:
        assert get(client, "/variables").json() == [
            {"name": "wind_speed", "type": "double precision", "unit": None},
            {"name": "power", "type": "numeric", "unit": None},
        ]


def test_a_new_column_can_be_requested_at_once(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        assert fields(client.get("/data?start=2025-12-05&variables=pitch")) == ["variables"]
        execute(source_url, "ALTER TABLE data ADD pitch real DEFAULT 1.5")
        [row] = rows(client, start=DAY, variables="pitch", limit=1)
        assert row["pitch"] == 1.5


def test_a_new_column_is_listed_at_once(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        execute(source_url, "ALTER TABLE data ADD pitch real")
        assert [v["name"] for v in get(client, "/variables").json()][-1] == "pitch"


def test_no_request_fails_after_a_column_is_dropped(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        execute(source_url, "ALTER TABLE data DROP wind_speed")
        assert list(rows(client, start=DAY)[0]) == ["timestamp", "power"]
        response = client.get("/data", params={"start": DAY, "variables": "wind_speed"})
        assert response.status_code == 422


def test_fingerprints_omit_a_dropped_column(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        execute(source_url, "ALTER TABLE data DROP wind_speed")
        days = get(client, "/fingerprints", start=DAY, end="2025-12-06").json()
        assert [list(day["fingerprints"]) for day in days] == [["power"]]


def test_the_connector_is_not_ready_while_the_table_is_missing(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url) as client:
        assert client.get("/health/ready").status_code == 200
        execute(source_url, "DROP TABLE data")
        for path in ("/data?start=2025-12-05", "/variables", "/extent"):
            assert client.get(path).status_code == 500
        assert client.get("/health/ready").status_code == 503
        execute(source_url, MINUTES)
        assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize("kind", ["VIEW", "MATERIALIZED VIEW"])
def test_a_view_in_a_schema_is_a_source(source_url: str, kind: str) -> None:
    execute(source_url, MINUTES)
    execute(
        source_url,
        'CREATE SCHEMA "Scada"; '
        f'CREATE {kind} "Scada"."1 min" AS SELECT timestamp AS "When", power AS "P/kW" FROM data',
    )
    settings = {"source_table": "Scada.1 min", "source_time_column": "When"}
    with connector(source_url, **settings) as client:
        assert len(rows(client, start=DAY)) == 1440
        assert rows(client, start=DAY, variables="P/kW", limit=2)[1]["P/kW"] == 1.5


@pytest.mark.parametrize("name", ['a"b', "a;b", "a'b", "a%b", "a:b", "a b", "$1", "%(x)s", "ü"])
def test_a_column_may_have_any_name_but_a_comma(source_url: str, name: str) -> None:
    quoted = name.replace('"', '""')
    execute(
        source_url,
        f'CREATE TABLE data (timestamp timestamptz, "{quoted}" float8, "no,comma" float8);'
        "INSERT INTO data VALUES ('2025-12-05Z', 5, 6)",
    )
    with connector(source_url) as client:
        assert [list(row.values())[1:] for row in rows(client, start=DAY, variables=name)] == [[5]]
        assert [v["name"] for v in get(client, "/variables").json()] == [name]


def test_variables_with_reserved_names_are_skipped(source_url: str) -> None:
    execute(
        source_url,
        "CREATE TABLE park (turbine text, stamp timestamptz, asset int, timestamp int, power int);"
        "INSERT INTO park VALUES ('T01', '2025-12-05Z', 1, 2, 3)",
    )
    settings = {"source_table": "park", "source_time_column": "stamp"}
    with connector(source_url, **settings) as client:
        assert [v["name"] for v in get(client, "/variables").json()] == ["asset", "power"]
        [row] = rows(client, start=DAY, limit=1)
        assert (row["asset"], row["power"]) == (1, 3)
    with connector(source_url, **settings, source_asset_column="turbine") as client:
        assert [v["name"] for v in get(client, "/variables").json()] == ["power"]


def test_a_read_only_role_suffices(source_url: str) -> None:
    execute(source_url, MINUTES)
    with connector(source_url.replace(OWNER, READER)) as client:
        assert len(rows(client, start=DAY)) == 1440
        for path in ("/variables", "/assets", "/extent", "/health/ready"):
            get(client, path)


@pytest.mark.parametrize("option", ["options=-csearch_path%3Dscada", "sslmode=disable"])
def test_options_of_the_url_are_kept(source_url: str, option: str) -> None:
    execute(source_url, MINUTES)
    execute(source_url, "CREATE SCHEMA scada; ALTER TABLE data SET SCHEMA scada")
    execute(source_url, "CREATE VIEW data AS SELECT * FROM scada.data")
    with connector(f"{source_url}?{option}") as client:
        assert len(rows(client, start=DAY)) == 1440


def test_options_of_the_url_do_not_override_ours(source_url: str) -> None:
    theirs = (
        "default_transaction_read_only=off",
        "TimeZone=Japan",
        "standard_conforming_strings=off",
        "quote_all_identifiers=on",
    )
    options = quote(" ".join(f"-c{option}" for option in theirs))
    url = f"{source_url}?options={options}&client_encoding=LATIN1"
    reader = Reader(ConnectorSettings(source_url=SecretStr(url), port=0))
    expected = {
        "default_transaction_read_only": "on", "TimeZone": "UTC",
        "standard_conforming_strings": "on", "quote_all_identifiers": "off",
        "client_encoding": "UTF8",
    }  # fmt: skip
    with closing(reader):
        query = sa.select(*(sa.func.current_setting(name).label(name) for name in expected))
        assert reader.fetch(query).to_pylist() == [expected]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source_table": "nope"}, "MINUANO_SOURCE_TABLE: no table or view 'nope' in this "
         "database; available: data, park"),
        ({"source_table": "nope.data"}, "MINUANO_SOURCE_TABLE: no table or view 'data' in schema "
         "nope; available: none"),
        ({"source_table": "texts"}, "MINUANO_SOURCE_TABLE: texts has no numeric column"),
        ({"source_time_column": "ts"}, "MINUANO_SOURCE_TIME_COLUMN: data has no column 'ts'; "
         "available: timestamp, wind_speed, power"),
        ({"source_time_column": "power"}, "MINUANO_SOURCE_TIME_COLUMN: power is of type double "
         "precision; it must be a timestamp"),
        ({"source_asset_column": "turbine"}, "MINUANO_SOURCE_ASSET_COLUMN: data has no column"),
        ({"source_asset_column": "power"}, "MINUANO_SOURCE_ASSET_COLUMN: power is of type"),
    ],
)  # fmt: skip
def test_the_error_names_the_setting_that_does_not_fit_the_source(
    source_url: str, settings: dict[str, Any], message: str
) -> None:
    execute(source_url, MINUTES + "; CREATE TABLE park (a int)")
    if settings.get("source_table") == "texts":
        execute(source_url, "CREATE TABLE texts (timestamp timestamptz, note text)")
    with pytest.raises(ConfigurationError) as raised, connector(source_url, **settings):
        pass
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_a_role_without_privileges_is_an_error_at_start(source_url: str) -> None:
    execute(source_url, MINUTES + f"; REVOKE ALL ON data FROM {READER}")
    message = "MINUANO_SOURCE_URL: PostgreSQL: permission denied"
    with (
        pytest.raises(ConfigurationError, match=message),
        connector(source_url.replace(OWNER, READER)),
    ):
        pass


@pytest.fixture
def unknown_zone(tmp_path: Path) -> Iterator[str]:
    """A zone that PostgreSQL does not have."""
    (tmp_path / "Nowhere").write_bytes(files("tzdata.zoneinfo").joinpath("UTC").read_bytes())
    zoneinfo.reset_tzpath([tmp_path])
    yield "Nowhere"
    zoneinfo.reset_tzpath()


def test_a_zone_that_postgresql_does_not_have_is_an_error_at_start(
    source_url: str, unknown_zone: str
) -> None:
    execute(source_url, MINUTES)
    with (
        pytest.raises(ConfigurationError, match=r"MINUANO_SOURCE_TIMEZONE: .*Nowhere"),
        connector(source_url, source_timezone=unknown_zone),
    ):
        pass


def test_a_server_that_does_not_run_at_start_is_an_outage() -> None:
    with pytest.raises(Unavailable), connector("postgresql://nobody@127.0.0.1:1/none"):
        pass


def test_a_url_that_only_one_of_the_two_drivers_reads_is_an_error_at_start(source_url: str) -> None:
    execute(source_url, MINUTES)
    url = SecretStr(f"{source_url}?tcp_user_timeout=soon")  # the other driver gets our own limit
    with (
        build(ConnectorSettings(source_url=url, port=0)) as (app, catalog),
        pytest.raises(Unavailable, match="tcp_user_timeout"),
    ):
        open_source(app, catalog)
