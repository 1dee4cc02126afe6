"""Sample data in a real PostgreSQL: complete, repeatable, all or nothing."""

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
EVERYTHING = "SELECT count(*), sum(hashtextextended(data::text, 0)) FROM data"


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def fetch(url: str, statement: str) -> list[tuple[Any, ...]]:
    session = closing(psycopg2.connect(url, options="-c timezone=UTC"))
    with session as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_by_default_it_is_ten_days_of_minutes(source_url: str) -> None:
    assert seed(source_url, SeedOptions(), silent) == 14_400
    [(rows, first, last)] = fetch(
        source_url, 'SELECT count(*), min("timestamp")::text, max("timestamp")::text FROM data'
    )
    assert (rows, first, last) == (14_400, "2025-12-01 00:00:00+00", "2025-12-10 23:59:00+00")


def test_a_source_holds_rows_only_when_its_table_is_there_and_not_empty(source_url: str) -> None:
    options = SeedOptions(days=1)
    assert not holds_rows(source_url, options)
    seed(source_url, options, silent)
    assert holds_rows(source_url, options)
    fetch(source_url, "TRUNCATE data")
    assert not holds_rows(source_url, options)


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_the_table_holds_the_samples_to_the_last_bit(source_url: str, gaps: float) -> None:
    seed(source_url, SeedOptions(days=2, gaps=gaps), silent)
    [whole] = generator.samples(generator.Turbine(gaps=gaps), DAY, 2)
    rows = fetch(source_url, 'TABLE data ORDER BY "timestamp"')
    stamps = [np.datetime64(row[0].replace(tzinfo=None), "us") for row in rows]
    np.testing.assert_array_equal(whole.stamps, stamps)
    values = np.array([row[1:] for row in rows], dtype=float)
    np.testing.assert_array_equal(whole.values, values.T)


def test_a_missing_value_is_null_and_never_nan(source_url: str) -> None:
    seed(source_url, SeedOptions(gaps=0.2), silent)
    [(nulls, nans)] = fetch(
        source_url,
        "SELECT count(*) FILTER (WHERE power IS NULL), count(*) FILTER (WHERE power = 'NaN')"
        " FROM data",
    )
    assert nulls > 1000
    assert nans == 0


def test_running_again_changes_nothing(source_url: str) -> None:
    seed(source_url, SeedOptions(gaps=0.1), silent)
    before = fetch(source_url, EVERYTHING)
    seed(source_url, SeedOptions(gaps=0.1), silent)
    assert before == fetch(source_url, EVERYTHING)


def test_the_period_is_replaced_and_the_rest_stays(source_url: str) -> None:
    seed(source_url, SeedOptions(days=3), silent)
    seed(source_url, SeedOptions(start=date(2025, 12, 2), days=1, period_s=600), silent)
    days = fetch(source_url, 'SELECT "timestamp"::date, count(*) FROM data GROUP BY 1 ORDER BY 1')
    assert [rows for _, rows in days] == [1440, 144, 1440]


def test_two_at_once_do_not_meet(source_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(seed, source_url, SeedOptions(), silent) for _ in range(2)]
        assert [run.result() for run in runs] == [14_400] * 2
    assert fetch(source_url, "SELECT count(*) FROM data") == [(14_400,)]


def test_an_end_halfway_leaves_what_was_there(source_url: str) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    seed(source_url, SeedOptions(days=1), silent)
    before = fetch(source_url, EVERYTHING)
    with pytest.raises(KeyboardInterrupt):
        seed(source_url, SeedOptions(days=1, random_seed=2), interrupt)
    assert before == fetch(source_url, EVERYTHING)


def test_assets_are_named_and_each_has_its_own_samples(source_url: str) -> None:
    assert seed(source_url, SeedOptions(days=1, assets=3), silent) == 3 * 1440
    rows = fetch(
        source_url,
        "SELECT asset, count(*), count(DISTINCT wind_speed) > 1000, avg(wind_speed) FROM data"
        " GROUP BY 1 ORDER BY 1",
    )
    assert [row[:3] for row in rows] == [(f"T0{n}", 1440, True) for n in (1, 2, 3)]
    assert len({row[3] for row in rows}) == 3


def test_fewer_assets_leave_none_of_the_others(source_url: str) -> None:
    seed(source_url, SeedOptions(days=1, assets=3), silent)
    seed(source_url, SeedOptions(days=1, assets=2), silent)
    assert fetch(source_url, "SELECT DISTINCT asset FROM data ORDER BY 1") == [("T01",), ("T02",)]


def test_the_key_is_asset_and_time(source_url: str) -> None:
    seed(source_url, SeedOptions(days=1, assets=1), silent)
    assert fetch(
        source_url,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'data'::regclass AND contype = 'p'",
    ) == [('PRIMARY KEY (asset, "timestamp")',)]


def test_sub_second_stamps_are_exact(source_url: str) -> None:
    assert seed(source_url, SeedOptions(days=1, period_s=0.1), silent) == 864_000
    stamps = fetch(source_url, 'SELECT "timestamp" FROM data ORDER BY 1 LIMIT 3')
    assert [stamp.microsecond for (stamp,) in stamps] == [0, 100_000, 200_000]
    assert isinstance(stamps[0][0], datetime)


@pytest.mark.parametrize("gaps", [0.0, 0.1, 1.0])
def test_progress_rises_and_ends_at_the_total(source_url: str, gaps: float) -> None:
    seen: list[tuple[int, int]] = []
    options = SeedOptions(days=200, assets=2, gaps=gaps)
    rows = seed(source_url, options, lambda done, total: seen.append((done, total)))
    assert sorted(done for done, _ in seen) == [done for done, _ in seen]
    assert all(done <= total for done, total in seen)
    assert seen[-1] == (rows, rows)
    assert len(seen) > 4 or gaps == 1


def test_names_may_be_others(source_url: str) -> None:
    fetch(source_url, 'CREATE SCHEMA "Plant"')
    options = SeedOptions(
        days=1, assets=1, table="Plant.raw data", time_column="at", asset_column="turbine"
    )
    seed(source_url, options, silent)
    assert fetch(
        source_url, 'SELECT turbine, min(at)::text FROM "Plant"."raw data" GROUP BY 1'
    ) == [("T01", "2025-12-01 00:00:00+00")]


def test_a_session_in_another_zone_gets_the_same_stamps(source_url: str) -> None:
    database = source_url.rsplit("/", 1)[1]
    fetch(source_url, f"ALTER DATABASE {database} SET timezone = 'America/Sao_Paulo'")
    seed(source_url, SeedOptions(days=1), silent)
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
def test_a_table_of_another_shape_is_left_alone(source_url: str, other: str) -> None:
    fetch(source_url, other)
    with pytest.raises(Conflict, match=r"another shape.*drop"):
        seed(source_url, SeedOptions(), silent)
    assert fetch(source_url, "SELECT count(*) <= 1 FROM data") == [(True,)]


def test_another_number_of_assets_keeps_the_shape_and_none_does_not(source_url: str) -> None:
    seed(source_url, SeedOptions(days=1, assets=1), silent)
    with pytest.raises(Conflict, match="asset text key"):
        seed(source_url, SeedOptions(days=1), silent)


def test_the_reader_may_select_and_no_more(source_url: str) -> None:
    seed(source_url, SeedOptions(days=1), silent)
    fetch(source_url, f"REVOKE ALL ON data FROM {READER}")
    seed(source_url, SeedOptions(days=1), silent, reader=READER)
    assert fetch(
        source_url,
        f"SELECT p, has_table_privilege('{READER}', 'data', p)"
        " FROM unnest(ARRAY['SELECT', 'INSERT', 'DELETE']) AS p",
    ) == [("SELECT", True), ("INSERT", False), ("DELETE", False)]


def test_a_reader_that_is_not_there_is_named(source_url: str) -> None:
    with pytest.raises(Unavailable, match='role "nobody_knows" does not exist'):
        seed(source_url, SeedOptions(days=1), silent, reader="nobody_knows")


def test_a_server_that_is_not_there_is_an_outage() -> None:
    with pytest.raises(Unavailable, match="PostgreSQL"):
        seed("postgresql://nobody@127.0.0.1:1/nothing", SeedOptions(), silent)


def test_any_form_of_url_is_taken(source_url: str) -> None:
    url = source_url.replace("postgresql://", "postgresql+psycopg2://")
    assert seed(url, SeedOptions(days=1), silent) == 1440


@pytest.mark.parametrize("wrong", [{"days": 0}, {"assets": -1}, {"period_s": 0}, {"gaps": 2}])
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"give|from"):
        SeedOptions(**wrong)
