"""The schema of the target database: its version, tables, comments and the two views."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from cli.embedded.postgres import Postgres
from shared.postgres import engines, schema_version, tables
from tests.integration.loader import fetch

DAY = datetime(2025, 12, 5, tzinfo=UTC)
WINDOW_S = 600
CHECK = {"include_schemas": True, "compare_type": True, "compare_server_default": True}


@pytest.fixture
def empty(source_url: str) -> Iterator[Engine]:
    """A database that has never been migrated."""
    engine = engines.connect(source_url, application="test")
    yield engine
    engine.dispose()


def current(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return schema_version.current(connection)


def execute(engine: Engine, statement: str, **values: Any) -> Any:
    with engine.begin() as connection:
        result = connection.execute(text(statement), values)
        return result.scalar_one() if result.returns_rows else None


def test_an_empty_database_has_no_version(empty: Engine) -> None:
    assert current(empty) is None


def test_a_migrated_database_has_the_newest_revision(target: Engine) -> None:
    assert current(target) == schema_version.head()


def test_the_tables_are_those_that_the_code_declares(target: Engine) -> None:
    with target.connect() as connection:
        context = MigrationContext.configure(connection, opts=CHECK)
        differences = compare_metadata(context, tables.metadata)
    assert [change for change in differences if not is_comment(change)] == []


def is_comment(change: Any) -> bool:
    """Whether the change concerns a comment: comments are only in the database."""
    return "comment" in (change[0][0] if isinstance(change, list) else change[0])


def test_every_table_and_view_has_a_comment(target: Engine) -> None:
    query = (
        "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v') AND relname <> "
        "'alembic_version' AND relnamespace IN ('public'::regnamespace, 'etl'::regnamespace) "
        "AND obj_description(oid, 'pg_class') IS NULL"
    )
    assert fetch(target, query) == []


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.fullname)
def test_the_primary_key_is_the_one_that_the_code_declares(target: Engine, table: Any) -> None:
    primary_key = inspect(target).get_pk_constraint(table.name, table.schema)
    assert set(primary_key["constrained_columns"]) == {column.name for column in table.primary_key}


def test_migrating_again_changes_nothing(target: Engine) -> None:
    signal = "INSERT INTO signal (name, variable, statistic, window_s) VALUES "
    execute(target, signal + "('power_mean_10m', 'power', 'mean', 600)")
    schema_version.upgrade(target)
    assert fetch(target, "SELECT name FROM signal") == [("power_mean_10m",)]


def test_concurrent_migrations_do_not_collide(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(schema_version.upgrade, [empty] * 4))
    assert current(empty) == schema_version.head()


def test_the_writer_may_fill_tables_and_not_change_them(target: Engine, postgres: Postgres) -> None:
    name = target.url.database or ""
    writer = engines.connect(postgres.url(name, "minuano_writer"), application="test")
    insert = "INSERT INTO signal (name, variable, statistic, window_s) VALUES ('a','b','c',1)"
    execute(writer, insert)
    with pytest.raises(ProgrammingError, match="must be owner"):
        execute(writer, "DROP TABLE data")
    writer.dispose()


def insert_value(engine: Engine, statistic: str, number: float, *, asset: str = "") -> None:
    """Insert a new signal and its value at `DAY`."""
    id = execute(
        engine,
        "INSERT INTO signal (name, asset, variable, statistic, window_s) "
        "VALUES (:name, :asset, 'power', :statistic, :window) RETURNING id",
        name=f"{asset}.{statistic}", asset=asset, statistic=statistic, window=WINDOW_S,
    )  # fmt: skip
    execute(engine, "INSERT INTO data VALUES (:at, :id, :number)", at=DAY, id=id, number=number)


def test_signal_data_has_the_statistics_of_a_window_in_one_row(target: Engine) -> None:
    for statistic, number in {"mean": 2.0, "min": 1.0, "max": 3.0, "std": 0.5}.items():
        insert_value(target, statistic, number)
    assert fetch(target, "SELECT * FROM signal_data") == [
        (DAY, "power", 2.0, 1.0, 3.0, 0.5, "", "power", WINDOW_S)
    ]


def test_signal_data_is_null_for_a_missing_statistic(target: Engine) -> None:
    insert_value(target, "mean", 2.0)
    rows = fetch(target, "SELECT value, min_value, max_value, std_value FROM signal_data")
    assert rows == [(2.0, None, None, None)]


def test_signal_data_keeps_assets_apart(target: Engine) -> None:
    insert_value(target, "mean", 1.0, asset="T01")
    insert_value(target, "mean", 2.0, asset="T02")
    rows = fetch(target, "SELECT signal, value FROM signal_data ORDER BY signal")
    assert rows == [("T01.power", 1.0), ("T02.power", 2.0)]


def insert_job(
    engine: Engine, *, slices: int | None, loaded: int = 0, events: Iterable[str] = ()
) -> int:
    """Insert a job; each event, such as "started", happened at `DAY`."""
    times = {f"{event}_at": DAY for event in events}
    columns = {"slices_total": slices, "loaded": loaded, **times}
    id: int = execute(
        engine,
        "INSERT INTO etl.job (body_hash, first_day, last_day, timezone, variables, assets, spec, "
        f"trace, {', '.join(columns)}) VALUES ('', '2025-12-05', '2025-12-05', 'UTC', '{{power}}', "
        f"'{{}}', '{{}}', '', {', '.join(f':{name}' for name in columns)}) RETURNING id",
        **columns,
    )
    return id


def state(engine: Engine, job: int) -> str:
    [(value,)] = fetch(engine, "SELECT state FROM etl.job_status WHERE id = :id", id=job)
    return str(value)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "queued"),
        (["started"], "running"),
        (["started", "failed"], "failed"),
        (["failed"], "failed"),
        (["started", "cancelled"], "cancelled"),
        (["failed", "cancelled"], "cancelled"),
    ],
)
def test_the_state_of_a_job_follows_from_its_timestamps(
    target: Engine, events: list[str], expected: str
) -> None:
    slices = 1 if "started" in events else None
    assert state(target, insert_job(target, slices=slices, events=events)) == expected


@pytest.mark.parametrize(("loaded", "expected"), [(1, "running"), (2, "done")])
def test_a_job_is_done_when_all_its_slices_are_loaded(
    target: Engine, loaded: int, expected: str
) -> None:
    assert (
        state(target, insert_job(target, slices=2, loaded=loaded, events=["started"])) == expected
    )


@pytest.mark.parametrize("event", ["failed", "cancelled"])
def test_a_job_with_all_slices_loaded_is_done_even_if_it_failed(target: Engine, event: str) -> None:
    job = insert_job(target, slices=1, loaded=1, events=["started", event])
    assert state(target, job) == "done"


def test_a_job_without_slices_is_done_when_it_starts(target: Engine) -> None:
    assert state(target, insert_job(target, slices=0, events=["started"])) == "done"


def test_a_ledger_has_one_identity(target: Engine) -> None:
    with pytest.raises(IntegrityError, match="ledger_one_row"):
        execute(target, "INSERT INTO etl.ledger DEFAULT VALUES")
