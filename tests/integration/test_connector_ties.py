"""Sources whose timestamps may repeat: every row comes once, in the order of the source."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from fastapi.testclient import TestClient

from services.connector.source_table import reflect
from shared.postgres.engines import connect
from shared.settings import SourceSettings
from tests.integration.connector_process import (
    DAY,
    PARK,
    TURBINES,
    all_rows,
    all_tables,
    connector,
    execute,
    rows,
)

# 4 rows in each of 25 minutes, not in order; `power` is the row's position in the table.
TIED = """
    CREATE TABLE data (timestamp timestamptz, power float8);
    INSERT INTO data SELECT timestamptz '2025-12-05Z' + (n * 37 % 25) * interval '1 minute', n
    FROM generate_series(0, 99) n
"""


@pytest.fixture(params=["", "CREATE INDEX ON data (timestamp)", "VIEW", "MATERIALIZED VIEW"])
def client(source_url: str, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    execute(source_url, TIED)
    if request.param.endswith("VIEW"):
        execute(source_url, f"CREATE {request.param} seen AS SELECT * FROM data")
        with connector(source_url, source_table="seen") as client:
            yield client
        return
    execute(source_url, request.param or "SELECT 1")
    with connector(source_url) as client:
        yield client


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 99, 100])
def test_pages_of_any_size_hold_every_row_once(client: TestClient, limit: int) -> None:
    expected = sorted(range(100), key=lambda n: (n * 37 % 25, n))
    assert [row["power"] for row in all_rows(client, start=DAY, limit=limit)] == expected
    assert [row["power"] for row in rows(client, start=DAY)] == expected


@pytest.mark.parametrize("limit", [1, 3, 4, 7])
def test_rows_with_equal_timestamps_are_on_one_page(client: TestClient, limit: int) -> None:
    pages = all_tables(client, start=DAY, limit=limit)
    timestamps = [page["timestamp"] for page in pages if page.num_rows]
    edges = [(page[-1], next_page[0]) for page, next_page in pairwise(timestamps)]
    assert all(last.as_py() < first.as_py() for last, first in edges)


@pytest.mark.parametrize("limit", [4, 7, 25])
def test_a_page_has_at_most_limit_rows_if_the_ties_fit(client: TestClient, limit: int) -> None:
    assert max(page.num_rows for page in all_tables(client, start=DAY, limit=limit)) <= limit


@pytest.mark.parametrize(
    "index", ["(timestamp) WHERE power > 1", "(timestamp, abs(power))", "(timestamp, power)"]
)
def test_an_index_on_other_columns_does_not_make_timestamps_unique(
    source_url: str, index: str
) -> None:
    execute(
        source_url,
        "CREATE TABLE data (timestamp timestamptz, power float8);"
        f"CREATE UNIQUE INDEX ON data {index};"
        "INSERT INTO data SELECT '2025-12-05Z', -n FROM generate_series(1, 3) n",
    )
    with connector(source_url) as client:
        assert [row["power"] for row in all_rows(client, start=DAY, limit=1)] == [-1, -2, -3]


@pytest.mark.parametrize("index", ["(stamp, turbine)", "(stamp)", "(turbine)"])
def test_equal_timestamps_of_two_assets_are_not_ties(source_url: str, index: str) -> None:
    execute(source_url, TURBINES + "; ALTER TABLE park DROP CONSTRAINT park_pkey")
    execute(source_url, f"CREATE INDEX ON park {index}")
    with connector(source_url, **PARK) as client:
        assert [page.num_rows for page in all_tables(client, start=DAY, limit=50)] == [50, 50, 50]


def test_partitions_without_a_key_hold_every_row_once(source_url: str) -> None:
    execute(
        source_url,
        "CREATE TABLE data (timestamp timestamptz, power float8) PARTITION BY RANGE (timestamp);"
        "CREATE TABLE am PARTITION OF data FOR VALUES FROM (MINVALUE) TO ('2025-12-05T00:12Z');"
        "CREATE TABLE pm PARTITION OF data FOR VALUES FROM ('2025-12-05T00:12Z') TO (MAXVALUE);"
        + TIED.split(";", 1)[1],
    )
    with connector(source_url) as client:
        expected = sorted(range(100), key=lambda n: (n * 37 % 25, n))
        assert [row["power"] for row in all_rows(client, start=DAY, limit=7)] == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_child_tables_do_not_share_the_key_of_their_parent(source_url: str, limit: int) -> None:
    execute(
        source_url,
        "CREATE TABLE data (timestamp timestamptz PRIMARY KEY, power float8);"
        "CREATE TABLE child () INHERITS (data);"
        "INSERT INTO data SELECT timestamptz '2025-12-05Z' + n * interval '1 min', n"
        " FROM generate_series(0, 9) n; INSERT INTO child SELECT timestamp, power + 100 FROM data",
    )
    with connector(source_url) as client:
        power = [row["power"] for row in all_rows(client, start=DAY, limit=limit)]
    assert power == [n + offset for n in range(10) for offset in (0, 100)]


@pytest.mark.parametrize(
    ("tables", "unique"),
    [
        ("CREATE TABLE data {}", True),
        ("CREATE TABLE data {}; CREATE TABLE child () INHERITS (data)", False),
        ("CREATE TABLE data {} PARTITION BY RANGE (timestamp);"
         "CREATE TABLE part PARTITION OF data DEFAULT", True),
        ("CREATE TABLE data {}; CREATE SCHEMA _timescaledb_internal;"
         "CREATE TABLE _timescaledb_internal.chunk () INHERITS (data)", True),
    ],
)  # fmt: skip
def test_a_key_is_used_only_if_it_holds_for_all_rows(
    source_url: str, tables: str, unique: bool
) -> None:
    execute(source_url, tables.format("(timestamp timestamptz PRIMARY KEY, power float8)"))
    engine = connect(source_url, application="test")
    with engine.connect() as connection:
        assert reflect(connection, SourceSettings()).is_unique is unique
    engine.dispose()
