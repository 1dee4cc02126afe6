"""Timestamps that are a little too early or too late are rounded if the setting says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.fingerprint import fingerprints
from tests.integration.connector_process import all_tables, connector, execute, get

START = datetime(2025, 12, 5, tzinfo=UTC)
# One sample a minute, up to 3 ms early or late; each value is its minute. 2 and 3 are doubled.
JITTER = """
    CREATE TABLE data (timestamp {} PRIMARY KEY, power float8);
    INSERT INTO data SELECT timestamp '2025-12-05' + n * interval '1 min'
      + (n % 7 - 3) * interval '1 ms', n FROM generate_series(-1, 1440) n;
    INSERT INTO data SELECT timestamp + interval '10 ms', -power FROM data WHERE power IN (2, 3)
"""


@pytest.mark.parametrize("type_", ["timestamp", "timestamptz"])
@pytest.mark.parametrize("limit", [1_000, 7])
def test_a_sample_is_at_the_nearest_second(source_url: str, type_: str, limit: int) -> None:
    execute(source_url, JITTER.format(type_))
    with connector(source_url, source_rounding_s=1.0) as client:
        end = (START + timedelta(minutes=30)).isoformat()
        tables = all_tables(client, start=START.isoformat(), end=end, limit=limit)
    rows: list[Any] = [row for table in tables for row in table.to_pylist()]
    assert [(row["timestamp"] - START) / timedelta(minutes=1) for row in rows] == [
        abs(row["power"]) for row in rows
    ]
    assert [abs(row["power"]) for row in rows] == [0, 1, 2, 2, 3, 3, *range(4, 30)]


def test_the_fingerprint_of_the_source_is_that_of_its_samples(source_url: str) -> None:
    execute(source_url, JITTER.format("timestamptz"))
    with connector(source_url, source_rounding_s=1.0) as client:
        [table] = all_tables(client, start="2025-12-05")
        [day] = get(client, "/fingerprints", start="2025-12-05").json()
        extent = get(client, "/extent").json()
    assert (day["rows"], [day["fingerprints"]["power"]]) == (1442, [*fingerprints(table)])
    assert extent["first"] == "2025-12-04T23:59:00Z"
