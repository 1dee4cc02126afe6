"""The source and numpy compute the same fingerprints."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812

from shared.domain.float_hash import Seeds, hash_floats
from tests.integration.connector_process import connector, execute, get

BERLIN, SAO_PAULO = "Europe/Berlin", "America/Sao_Paulo"
# Without the key, the connector reads the rows of the view and hashes them itself.
TABLES = """
    CREATE TABLE data (
        asset text, timestamp {time}, f8 float8, f4 float4, exact numeric, i4 integer, i8 bigint,
        PRIMARY KEY (asset, timestamp)
    );
    CREATE VIEW samples AS SELECT * FROM data
"""
# The clocks in Berlin change on 30 March.
FIRST, LAST = "2025-03-28", "2025-04-01"
START = datetime(2025, 3, 27, 20, tzinfo=UTC)
REPEATED = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])

values = st.tuples(
    st.none() | st.just(-0.0) | st.floats(),
    st.none() | st.floats(width=32),
    st.none() | st.just(Decimal("NaN")) | st.decimals(-(10**9), 10**9, places=5),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.integers(-(2**63), 2**63 - 1),
)
instants = st.integers(0, 120 * 3600 * 10**6) | st.integers(0, 120 * 60).map(
    lambda minute: minute * 60 * 10**6
)
samples = st.dictionaries(
    st.tuples(st.sampled_from(["T01", "T02", "", "ü"]), instants), values, max_size=40
)


@pytest.fixture
def session(source_url: str) -> Iterator[Connection]:
    with closing(psycopg2.connect(source_url, options="-c timezone=UTC")) as connection:
        connection.autocommit = True
        yield connection


@pytest.mark.parametrize(
    ("time", "options"),
    [
        ("timestamptz", {}),
        ("timestamptz", {"source_timezone": BERLIN}),
        ("timestamptz", {"source_timezone": BERLIN, "source_timestamp_label": "end"}),
        ("timestamp", {"source_timezone": SAO_PAULO}),
        ("timestamp", {"source_timezone": BERLIN, "source_timestamp_label": "end"}),
    ],
)
def test_the_source_computes_the_fingerprints_of_its_rows(
    source_url: str, session: Connection, time: str, options: dict[str, Any]
) -> None:
    execute(source_url, TABLES.format(time=time))
    by_source = connector(source_url, source_asset_column="asset", **options)
    by_page = connector(
        source_url, source_table="samples", source_asset_column="asset", max_page_rows=7, **options
    )
    with by_source as source, by_page as page:

        @given(samples)
        @REPEATED
        def both_are_equal(rows: dict[tuple[str, int], tuple[Any, ...]]) -> None:
            _replace(session, rows)
            for asset in ({}, {"asset": "T02"}):
                days = [
                    get(client, "/fingerprints", start=FIRST, end=LAST, **asset).json()
                    for client in (source, page)
                ]
                assert days[0] == days[1]

        both_are_equal()


def _replace(session: Connection, rows: dict[tuple[str, int], tuple[Any, ...]]) -> None:
    with session.cursor() as cursor:
        cursor.execute("TRUNCATE data")
        for (asset, at_us), row in rows.items():
            timestamp = START + timedelta(microseconds=at_us)
            cursor.execute("INSERT INTO data VALUES %s", [(asset, timestamp, *row)])


@given(st.lists(st.tuples(st.floats(), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=50))
@REPEATED
def test_postgresql_and_numpy_hash_alike(
    session: Connection, pairs: list[tuple[float, int]]
) -> None:
    floats, seeds = np.array([v for v, _ in pairs]), np.array([seed for _, seed in pairs])
    with session.cursor() as cursor:
        cursor.execute(
            "SELECT hashfloat8extended(v, s)"
            " FROM unnest(%s::float8[], %s::bigint[]) WITH ORDINALITY AS t(v, s, n) ORDER BY n",
            [floats.tolist(), seeds.tolist()],
        )
        expected = [hash_ for (hash_,) in cursor]
    hashes = hash_floats(floats, Seeds.of(seeds.view(np.uint64)))
    assert hashes.view(np.int64).tolist() == expected


def test_a_nan_that_was_calculated_has_the_hash_of_all_nan(session: Connection) -> None:
    infinity = "'infinity'::float8"
    with session.cursor() as cursor:
        cursor.execute(
            f"SELECT hashfloat8extended({infinity} - {infinity}, 5), hashfloat8extended('NaN', 5)"
        )
        calculated, written = cursor.fetchone() or ()
    assert calculated == written
