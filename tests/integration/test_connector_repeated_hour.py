"""Local times that occur twice in autumn: an order column tells which row came first."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from shared.domain.fingerprint import fingerprints
from tests.integration.connector_process import all_rows, all_tables, connector, execute, get

BERLIN = "Europe/Berlin"
DAY, MIDNIGHT = "2025-10-26", datetime.fromisoformat("2025-10-25T22:00:00Z")
# Every 10 minutes of a day of 25 hours as the clocks show it; `power` is the position in time.
AUTUMN = """
    CREATE TABLE data (timestamp timestamp, turbine text, n int, power float8);
    INSERT INTO data SELECT timezone('Europe/Berlin', timestamptz '2025-10-25T22:00Z'
      + n * interval '10 min'), t, n, n
    FROM generate_series(149, 0, -1) n, unnest(ARRAY['T1', 'T2']) t
"""


@pytest.fixture
def url(source_url: str) -> str:
    execute(source_url, AUTUMN)
    return source_url


@pytest.mark.parametrize("limit", [29, 1_000])
@pytest.mark.parametrize("assets", ["T1", "T1,T2"])
def test_both_hours_are_kept(url: str, limit: int, assets: str) -> None:
    settings = {"source_asset_column": "turbine", "source_order_column": "n"}
    with connector(url, source_timezone=BERLIN, **settings) as client:
        data = all_rows(client, start=DAY, limit=limit, assets=assets)
    times = [datetime.fromisoformat(row["timestamp"]) for row in data]
    assert [(time - MIDNIGHT) / timedelta(minutes=10) for time in times] == [
        row["power"] for row in data
    ]
    assert len(data) == 150 * len(assets.split(","))
    assert [row["asset"] for row in data] == sorted(row["asset"] for row in data)


def test_the_fingerprint_of_the_source_is_that_of_its_samples(url: str) -> None:
    execute(url, "DELETE FROM data WHERE turbine = 'T2'")
    with connector(url, source_timezone=BERLIN, source_order_column="n") as client:
        [table] = all_tables(client, start=DAY)
        [day] = get(client, "/fingerprints", start=DAY).json()
    assert [day["fingerprints"]["power"]] == [*fingerprints(table)]


def test_without_an_order_column_the_first_hour_is_empty(url: str) -> None:
    execute(url, "DELETE FROM data WHERE turbine = 'T2'")
    with connector(url, source_timezone=BERLIN) as client:
        data = all_rows(client, start=DAY)
    times = [datetime.fromisoformat(row["timestamp"]) for row in data]
    gaps = [later for time, later in pairwise(times) if later - time > timedelta(hours=1)]
    assert gaps == [datetime.fromisoformat("2025-10-26T01:00:00Z")]


def test_a_single_row_of_the_repeated_hour_is_of_the_second_one(source_url: str) -> None:
    execute(source_url, "CREATE TABLE data (timestamp timestamp, n int, power float8)")
    execute(source_url, "INSERT INTO data VALUES ('2025-10-26 02:30', 1, 5)")
    with connector(source_url, source_timezone=BERLIN, source_order_column="n") as client:
        [row] = all_rows(client, start=DAY)
    assert row["timestamp"] == "2025-10-26T01:30:00Z"
