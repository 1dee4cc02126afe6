"""`GET /data` with `snapshot_s`: the same rows on other pages, none of which divides a snapshot."""

from datetime import datetime, timedelta
from itertools import chain, product
from typing import Any

import pytest

from services.connector.data_query import MAX_SNAPSHOT_S
from tests.integration.connector_process import (
    ARROW,
    PARK,
    TURBINES,
    all_tables,
    connector,
    execute,
    fields,
)

BERLIN_AUTUMN = """
    CREATE TABLE park (turbine int, stamp timestamp, power float8);
    INSERT INTO park SELECT t, timestamp '2025-10-25 23:00' + n * interval '10 minute', n
    FROM generate_series(1, 2) t, generate_series(0, 40) n, generate_series(0, n % 2)
"""
SOURCES = {
    "key": (TURBINES, {"start": "2025-12-05T00:00:00Z", "end": "2025-12-05T00:45:00Z"}, {}),
    "some assets": (
        TURBINES,
        {"start": "2025-12-05T00:00:00Z", "end": "2025-12-06T00:00:00Z", "assets": "T02,T10"},
        {},
    ),
    "the clocks change": (
        BERLIN_AUTUMN,
        {"start": "2025-10-25T20:30:00Z", "end": "2025-10-26T06:00:00Z"},
        {"source_timezone": "Europe/Berlin"},
    ),
}


def rows_by_page(client: Any, **query: Any) -> list[list[tuple[str, datetime, float]]]:
    return [
        list(zip(*(table[name].to_pylist() for name in ("asset", "timestamp", "power"))))  # noqa: B905
        for table in all_tables(client, **query)
    ]


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("period_s", [60.0, 86_400.0])
def test_each_snapshot_is_on_one_page(source_url: str, name: str, period_s: float) -> None:
    statements, query, settings = SOURCES[name]
    execute(source_url, statements)
    with connector(source_url, **PARK, **settings, sampling_period_s=period_s) as client:
        expected = rows_by_page(client, **query, limit=10_000)[0]
        assert len(expected) > 80
        for limit, length_s in product((7, 60), (600, 1_500, MAX_SNAPSHOT_S)):
            pages = rows_by_page(client, **query, limit=limit, snapshot_s=length_s)
            assert list(chain.from_iterable(pages)) == expected
            start, length = datetime.fromisoformat(query["start"]), timedelta(seconds=length_s)
            snapshots = [{(a, (t - start) // length) for a, t, _ in page} for page in pages]
            assert sum(map(len, snapshots)) == len(set().union(*snapshots))
            for page, of_page in zip(pages, snapshots, strict=True):
                assert len(page) <= limit or len(of_page) == 1


def test_other_lengths_and_formats_are_refused(source_url: str) -> None:
    """Formats that take more memory have no snapshots."""
    execute(source_url, TURBINES)
    with connector(source_url, **PARK) as client:
        for length, media_type in [
            *((length, ARROW) for length in ("0", "-1", "1.5", str(MAX_SNAPSHOT_S + 1), "x")),
            ("600", "application/json"),
            ("600", "text/csv"),
        ]:
            query = {"start": "2025-12-05", "snapshot_s": length}
            response = client.get("/data", params=query, headers={"Accept": media_type})
            assert fields(response) == ["snapshot_s"]
