"""Sources where nothing keeps stamps unique: no row is lost or doubled, in the source's order."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.integration.connector import DAY, all_rows, all_tables, connector, execute, rows

# 4 rows in each of 100 minutes, scattered; `power` numbers them as they are stored.
TIED = """
    CREATE TABLE data (timestamp timestamptz, power float8);
    INSERT INTO data SELECT timestamptz '2025-12-05Z' + (n * 37 % 100) * interval '1 minute', n
    FROM generate_series(0, 399) n
"""


@pytest.fixture(params=["", "CREATE INDEX ON data (timestamp)", "as a view"])
def client(source_url: str, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    execute(source_url, TIED)
    if request.param == "as a view":
        execute(source_url, "CREATE VIEW seen AS SELECT * FROM data")
        with connector(source_url, source_table="seen") as client:
            yield client
        return
    execute(source_url, request.param or "SELECT 1")
    with connector(source_url) as client:
        yield client


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 100, 399, 400])
def test_pages_of_any_size_hold_every_row_once(client: TestClient, limit: int) -> None:
    expected = sorted(range(400), key=lambda n: (n * 37 % 100, n))
    assert [row["power"] for row in all_rows(client, start=DAY, limit=limit)] == expected
    assert [row["power"] for row in rows(client, start=DAY)] == expected


@pytest.mark.parametrize("limit", [1, 3, 4, 7])
def test_no_page_ends_among_equal_stamps(client: TestClient, limit: int) -> None:
    pages = all_tables(client, start=DAY, limit=limit)
    edges = [(a["timestamp"][-1], b["timestamp"][0]) for a, b in zip(pages, pages[1:], strict=False)
             if b.num_rows]  # fmt: skip
    assert all(last.as_py() < first.as_py() for last, first in edges)


@pytest.mark.parametrize("limit", [4, 7, 100])
def test_a_page_keeps_its_limit_where_groups_fit(client: TestClient, limit: int) -> None:
    assert max(page.num_rows for page in all_tables(client, start=DAY, limit=limit)) <= limit


@pytest.mark.parametrize(
    ("keys", "unique"),
    [
        ("UNIQUE INDEX ON data (timestamp)", True),
        ("UNIQUE INDEX ON data (timestamp) WHERE power > 1", False),
        ("UNIQUE INDEX ON data (date_trunc('day', timestamp, 'UTC'), timestamp)", False),
        ("UNIQUE INDEX ON data (timestamp, power)", False),
    ],
)
def test_only_a_key_of_the_stamps_alone_makes_them_unique(
    source_url: str, keys: str, unique: bool
) -> None:
    execute(source_url, f"CREATE TABLE data (timestamp timestamptz, power float8); CREATE {keys}")
    execute(source_url, "INSERT INTO data VALUES ('2025-12-05Z', 0), ('2025-12-05T00:01Z', 2)")
    if not unique:
        execute(source_url, "INSERT INTO data SELECT timestamp + interval '1s', -1 FROM data")
        if "power)" in keys or "WHERE" in keys:
            execute(source_url, "INSERT INTO data VALUES ('2025-12-05T00:00Z', -5)")
    with connector(source_url) as client:
        assert all_rows(client, start=DAY, limit=1) == rows(client, start=DAY)
