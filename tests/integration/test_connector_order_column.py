"""A column of the source says in which order rows with one timestamp were inserted."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from services.aggregator.aggregate import aggregate
from shared.domain.batches import RawBatch
from shared.errors import ConfigurationError
from tests.integration.connector_process import DAY, all_rows, all_tables, connector, execute, get
from tests.unit.batches import slice_of

# The row that was inserted first was moved behind the other one: an UPDATE does that.
CORRECTED = """
    CREATE TABLE data (n int, timestamp timestamptz, power float8);
    INSERT INTO data VALUES (1, '2025-12-05Z', 1), (2, '2025-12-05Z', 2);
    UPDATE data SET n = n WHERE n = 1;
    INSERT INTO data VALUES (NULL, '2025-12-05Z', 0)
"""


@pytest.fixture
def client(source_url: str) -> Iterator[TestClient]:
    execute(source_url, CORRECTED)
    with connector(source_url, source_order_column="n") as client:
        yield client


@pytest.mark.parametrize("limit", [1, 3])
def test_rows_with_one_timestamp_are_in_the_order_of_their_insertion(
    client: TestClient, limit: int
) -> None:
    rows = all_rows(client, start=DAY, limit=limit)
    assert [list(row.values())[1:] for row in rows] == [[0], [1], [2]]


def test_the_column_is_no_variable(client: TestClient) -> None:
    assert [variable["name"] for variable in get(client, "/variables").json()] == ["power"]


def test_the_fingerprint_of_the_source_is_that_of_its_samples(client: TestClient) -> None:
    [table] = all_tables(client, start=DAY)
    [day] = get(client, "/fingerprints", start=DAY).json()
    raw = RawBatch(slices=(slice_of(("power",)),), table=table, rows=(3,))
    assert [[day["fingerprints"]["power"]]] == [[*row] for row in aggregate(raw).fingerprints]


@pytest.mark.parametrize(("column", "words"), [("m", "no column 'm'"), ("note", "is of type text")])
def test_a_column_that_has_no_order_is_refused(source_url: str, column: str, words: str) -> None:
    execute(source_url, "CREATE TABLE data (timestamp timestamptz, power float8, note text)")
    with (
        pytest.raises(ConfigurationError, match=f"MINUANO_SOURCE_ORDER_COLUMN.*{words}"),
        connector(source_url, source_order_column=column),
    ):
        pass
