"""Sample data in a real PostgreSQL: complete, repeatable, and written in one transaction."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime
from typing import Any

import numpy as np
import psycopg2
import pytest

from shared.errors import ConfigurationError, Conflict, Unavailable
from shared.sample_data import generator
from shared.sample_data.writer import SeedOptions, holds_rows, seed

DAY = date(2025, 12, 1)
READER = "minuano_reader"
CHECKSUM = "SELECT count(*), sum(hashtextextended(data::text, 0)) FROM data"


def ignore(done: int, total: int) -> None:
    """Progress that the test does not check."""


def fetch(url: str, statement: str) -> list[tuple[Any, ...]]:
    session = closing(psycopg2.connect(url, options="-c timezone=UTC"))
    with session as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_the_default_is_ten_days_of_minutes(source_url: str) -> None:
    assert seed(source_url, SeedOptions(), ignore) == 14_400
    [(rows, first, last)] = fetch(
        source_url, 'SELECT count(*), min("timestamp")::text, max("timestamp")::text FROM data'
    )
    assert (rows, first, last) == (14_400, "2025-12-01 00:00:00+00", "2025-12-10 23:59:00+00")


def test_a_source_has_rows_only_when_its_table_exists_and_is_not_empty(source_url: str) -> None:
    options = SeedOptions(days=1)
    assert not holds_rows(source_url, options)
    seed(source_url, options, ignore)
    assert holds_rows(source_url, options)
    fetch(source_url, "TRUNCATE data")
    assert not holds_rows(source_url, options)


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_the_table_contains_the_exact_samples(source_url: str, gaps: float) -> None:
    seed(source_url, SeedOptions(days=2, gaps=gaps), ignore)
    [expected] = generator.samples(generator.Turbine(gaps=gaps), DAY, 2)
    rows = fetch(source_url, 'TABLE data ORDER BY "timestamp"')
    timestamps = [np.datetime64(row[0].replace(tzinfo=None), "us") for row in rows]
    np.testing.assert_array_equal(expected.timestamps, timestamps)
    values = np.array([row[1:] for row in rows], dtype=float)
    np.testing.assert_array_equal(expected.values, values.T)


def test_a_missing_value_is_null_and_never_nan(source_url: str) -> None:
    seed(source_url, SeedOptions(gaps=0.2), ignore)
    [(nulls, nans)] = fetch(
        source_url,
        "SELECT count(*) FILTER (WHERE power IS NULL), count(*) FILTER (WHERE power = 'NaN')"
        " FROM data",
    )
    assert nulls > 1000
    assert nans == 0


def test_a_second_run_changes_nothing(source_url: str) -> None:
    seed(source_url, SeedOptions(gaps=0.1), ignore)
    before = fetch(source_url, CHECKSUM)
    seed(source_url, SeedOptions(gaps=0.1), ignore)
    assert before == fetch(source_url, CHECKSUM)


def test_only_the_date_range_is_replaced(source_url: str) -> None:
    seed(source_url, SeedOptions(days=3), ignore)
    seed(source_url, SeedOptions(start=date(2025, 12, 2), days=1, period_s=600), ignore)
    days = fetch(source_url, 'SELECT "timestamp"::date, count(*) FROM data GROUP BY 1 ORDER BY 1')
    assert [rows for _, rows in days] == [1440, 144, 1440]


def test_two_concurrent_runs_do_not_collide(source_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(seed, source_url, SeedOptions(), ignore) for _ in range(2)]
        assert [run.result() for run in runs] == [14_400] * 2
    assert fetch(source_url, "SELECT count(*) FROM data") == [(14_400,)]


def test_an_interrupted_run_leaves_the_table_as_it_was(source_url: str) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    seed(source_url, SeedOptions(days=1), ignore)
    before = fetch(source_url, CHECKSUM)
    with pytest.raises(KeyboardInterrupt):
        seed(source_url, SeedOptions(days=1, random_seed=2), interrupt)
    assert before == fetch(source_url, CHECKSUM)


def test_assets_have_names_and_different_samples(source_url: str) -> None:
    assert seed(source_url, SeedOptions(days=1, assets=3), ignore) == 3 * 1440
    rows = fetch(
        source_url,
        "SELECT asset, count(*), count(DISTINCT wind_speed) > 1000, avg(wind_speed) FROM data"
        " GROUP BY 1 ORDER BY 1",
    )
    assert [row[:3] for row in rows] == [(f"T0{n}", 1440, True) for n in (1, 2, 3)]
    assert len({row[3] for row in rows}) == 3


def test_a_run_with_fewer_assets_removes_the_others(source_url: str) -> None:
    seed(source_url, SeedOptions(days=1, assets=3), ignore)
    seed(source_url, SeedOptions(days=1, assets=2), ignore)
    assert fetch(source_url, "SELECT DISTINCT asset FROM data ORDER BY 1") == [("T01",), ("T02",)]


def test_the_primary_key_is_asset_and_time(source_url: str) -> None:
    seed(source_url, SeedOptions(days=1, assets=1), ignore)
    assert fetch(
        source_url,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'data'::regclass AND contype = 'p'",
    ) == [('PRIMARY KEY (asset, "timestamp")',)]


def test_timestamps_below_a_second_are_exact(source_url: str) -> None:
    assert seed(source_url, SeedOptions(days=1, period_s=0.1), ignore) == 864_000
    timestamps = fetch(source_url, 'SELECT "timestamp" FROM data ORDER BY 1 LIMIT 3')
    assert [timestamp.microsecond for (timestamp,) in timestamps] == [0, 100_000, 200_000]
    assert isinstance(timestamps[0][0], datetime)


@pytest.mark.parametrize("gaps", [0.0, 0.1, 1.0])
def test_progress_increases_and_ends_at_the_total(source_url: str, gaps: float) -> None:
    calls: list[tuple[int, int]] = []
    options = SeedOptions(days=200, assets=2, gaps=gaps)
    rows = seed(source_url, options, lambda done, total: calls.append((done, total)))
    assert sorted(done for done, _ in calls) == [done for done, _ in calls]
    assert all(done <= total for done, total in calls)
    assert calls[-1] == (rows, rows)
    assert len(calls) > 4 or gaps == 1


def test_table_and_columns_can_have_other_names(source_url: str) -> None:
    fetch(source_url, 'CREATE SCHEMA "Plant"')
    options = SeedOptions(
        days=1, assets=1, table="Plant.raw data", time_column="at", asset_column="turbine"
    )
    seed(source_url, options, ignore)
    assert fetch(
        source_url, 'SELECT turbine, min(at)::text FROM "Plant"."raw data" GROUP BY 1'
    ) == [("T01", "2025-12-01 00:00:00+00")]


def test_the_time_zone_of_the_database_does_not_change_timestamps(source_url: str) -> None:
    database = source_url.rsplit("/", 1)[1]
    fetch(source_url, f"ALTER DATABASE {database} SET timezone = 'America/Sao_Paulo'")
    seed(source_url, SeedOptions(days=1), ignore)
    assert fetch(source_url, 'SELECT min("timestamp")::text FROM data') == [
        ("2025-12-01 00:00:00+00",)
    ]


@pytest.mark.parametrize(
    "other",
    [
        'CREATE TABLE data ("timestamp" timestamptz PRIMARY KEY, wind_speed real)',
        'CREATE TABLE data ("timestamp" timestamptz, wind_speed double precision,'
        " power double precision, ambient_temperature double precision)",
        "CREATE VIEW data AS SELECT now() AS timestamp",
    ],
    ids=["columns", "no key", "view"],
)
def test_a_table_with_other_columns_is_not_changed(source_url: str, other: str) -> None:
    fetch(source_url, other)
    with pytest.raises(Conflict, match=r"other columns.*drop"):
        seed(source_url, SeedOptions(), ignore)
    assert fetch(source_url, "SELECT count(*) <= 1 FROM data") == [(True,)]


def test_a_run_without_assets_needs_a_table_without_asset_column(source_url: str) -> None:
    seed(source_url, SeedOptions(days=1, assets=1), ignore)
    with pytest.raises(Conflict, match="asset text key"):
        seed(source_url, SeedOptions(days=1), ignore)


def test_the_reader_may_only_select(source_url: str) -> None:
    seed(source_url, SeedOptions(days=1), ignore)
    fetch(source_url, f"REVOKE ALL ON data FROM {READER}")
    seed(source_url, SeedOptions(days=1), ignore, reader=READER)
    assert fetch(
        source_url,
        f"SELECT p, has_table_privilege('{READER}', 'data', p)"
        " FROM unnest(ARRAY['SELECT', 'INSERT', 'DELETE']) AS p",
    ) == [("SELECT", True), ("INSERT", False), ("DELETE", False)]


def test_a_missing_reader_is_named(source_url: str) -> None:
    with pytest.raises(Unavailable, match='role "nobody_knows" does not exist'):
        seed(source_url, SeedOptions(days=1), ignore, reader="nobody_knows")


def test_a_missing_server_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="PostgreSQL"):
        seed("postgresql://nobody@127.0.0.1:1/nothing", SeedOptions(), ignore)


def test_a_sqlalchemy_url_is_accepted(source_url: str) -> None:
    url = source_url.replace("postgresql://", "postgresql+psycopg2://")
    assert seed(url, SeedOptions(days=1), ignore) == 1440


def test_a_wrong_sampling_period_is_rejected_before_anything_is_written() -> None:
    with pytest.raises(ConfigurationError, match="period"):
        SeedOptions(period_s=0)
