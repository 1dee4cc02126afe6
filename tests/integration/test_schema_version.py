"""The schema of the target: there and back, the tables that the code knows, and the two views."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from cli.embedded.postgres import Postgres
from shared.postgres import engines, schema_version, tables
from tests.integration.loader import fetch

DAY = datetime(2025, 12, 5, tzinfo=UTC)
WINDOW_S = 600
CHECK = {"include_schemas": True, "compare_type": True, "compare_server_default": True}


@pytest.fixture
def empty(source_url: str) -> Iterator[Engine]:
    """A database in which nothing was migrated yet."""
    engine = engines.connect(source_url, application="test")
    yield engine
    engine.dispose()


def current(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return schema_version.current(connection)


def downgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        settings = schema_version.config()
        settings.attributes["connection"] = connection
        command.downgrade(settings, "base")


def ours(engine: Engine) -> set[str]:
    """Tables and views that are there, but for alembic's own."""
    seen = inspect(engine)
    schemas = [name for name in seen.get_schema_names() if name != "information_schema"]
    return {
        f"{name}.{table}" for name in schemas
        for table in (*seen.get_table_names(name), *seen.get_view_names(name))
    } - {"public.alembic_version"}  # fmt: skip


def execute(engine: Engine, statement: str, **values: Any) -> Any:
    with engine.begin() as connection:
        result = connection.execute(text(statement), values)
        return result.scalar_one() if result.returns_rows else None


def test_an_empty_database_has_no_version(empty: Engine) -> None:
    assert current(empty) is None


def test_migrating_leads_to_the_version_that_this_release_wants(target: Engine) -> None:
    assert current(target) == schema_version.head()


def test_migrating_makes_the_tables_that_the_code_knows(target: Engine) -> None:
    with target.connect() as connection:
        context = MigrationContext.configure(connection, opts=CHECK)
        assert compare_metadata(context, tables.metadata) == []


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.fullname)
def test_the_primary_key_is_the_one_that_the_code_knows(target: Engine, table: Any) -> None:
    found = inspect(target).get_pk_constraint(table.name, table.schema)
    assert set(found["constrained_columns"]) == {column.name for column in table.primary_key}


def test_migrating_again_changes_nothing(target: Engine) -> None:
    signal = "INSERT INTO signal (name, variable, statistic, window_s) VALUES "
    execute(target, signal + "('power_mean_10m', 'power', 'mean', 600)")
    schema_version.upgrade(target)
    assert fetch(target, "SELECT name FROM signal") == [("power_mean_10m",)]


def test_going_back_leaves_nothing(target: Engine) -> None:
    downgrade(target)
    assert (current(target), ours(target)) == (None, set())


def test_what_went_back_can_go_up_again(target: Engine) -> None:
    before = ours(target)
    downgrade(target)
    schema_version.upgrade(target)
    assert (current(target), ours(target)) == (schema_version.head(), before)


def test_several_migrations_at_once_are_one(empty: Engine) -> None:
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


def value(engine: Engine, statistic: str, number: float, *, asset: str = "") -> None:
    """A value at `DAY` of a signal of its own."""
    id = execute(
        engine,
        "INSERT INTO signal (name, asset, variable, statistic, window_s) "
        "VALUES (:name, :asset, 'power', :statistic, :window) RETURNING id",
        name=f"{asset}.{statistic}", asset=asset, statistic=statistic, window=WINDOW_S,
    )  # fmt: skip
    execute(engine, "INSERT INTO data VALUES (:at, :id, :number)", at=DAY, id=id, number=number)


def test_signal_data_has_the_statistics_of_a_window_in_one_row(target: Engine) -> None:
    for statistic, number in {"mean": 2.0, "min": 1.0, "max": 3.0, "std": 0.5}.items():
        value(target, statistic, number)
    assert fetch(target, "SELECT * FROM signal_data") == [
        (DAY, "power", 2.0, 1.0, 3.0, 0.5, "", "power", WINDOW_S)
    ]


def test_signal_data_says_nothing_about_a_statistic_that_is_not_there(target: Engine) -> None:
    value(target, "mean", 2.0)
    rows = fetch(target, "SELECT value, min_value, max_value, std_value FROM signal_data")
    assert rows == [(2.0, None, None, None)]


def test_signal_data_tells_turbines_apart(target: Engine) -> None:
    value(target, "mean", 1.0, asset="T01")
    value(target, "mean", 2.0, asset="T02")
    rows = fetch(target, "SELECT signal, value FROM signal_data ORDER BY signal")
    assert rows == [("T01.power", 1.0), ("T02.power", 2.0)]


def job(engine: Engine, *, slices: int | None, **stamped: bool) -> int:
    """A job with so many slices and these stamps."""
    at = {f"{name}_at": DAY if given else None for name, given in stamped.items()}
    columns = {"slices_total": slices, **at}
    id: int = execute(
        engine,
        "INSERT INTO etl.job (body_hash, first_day, last_day, timezone, variables, assets, spec, "
        f"trace, {', '.join(columns)}) VALUES ('', '2025-12-05', '2025-12-05', 'UTC', '{{power}}', "
        f"'{{}}', '{{}}', '', {', '.join(f':{name}' for name in columns)}) RETURNING id",
        **columns,
    )
    return id


def slice_(engine: Engine, job: int, *, loaded: bool, asset: str = "") -> None:
    execute(
        engine,
        "INSERT INTO etl.slice (job_id, asset, start, \"end\", variables, window_s, "
        "published_at, loaded_at, rows, windows) VALUES (:job, :asset, :at, :at, '{power}', 600, "
        ":at, :loaded, :rows, :windows)",
        job=job, asset=asset, at=DAY, loaded=DAY if loaded else None,
        rows=1440 if loaded else None, windows=144 if loaded else None,
    )  # fmt: skip


def state(engine: Engine, job: int) -> str:
    [(found,)] = fetch(engine, "SELECT state FROM etl.job_status WHERE id = :id", id=job)
    return str(found)


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([], "queued"),
        (["started"], "running"),
        (["started", "failed"], "failed"),
        (["failed"], "failed"),
        (["started", "cancelled"], "cancelled"),
        (["failed", "cancelled"], "cancelled"),
    ],
)
def test_a_jobs_state_follows_from_what_happened(
    target: Engine, stamps: list[str], expected: str
) -> None:
    slices = 1 if "started" in stamps else None
    assert state(target, job(target, slices=slices, **dict.fromkeys(stamps, True))) == expected


def test_a_job_is_done_once_all_its_slices_are_loaded(target: Engine) -> None:
    number = job(target, slices=2, started=True)
    slice_(target, number, loaded=True, asset="T01")
    before = state(target, number)
    slice_(target, number, loaded=True, asset="T02")
    assert (before, state(target, number)) == ("running", "done")


@pytest.mark.parametrize("stamp", ["failed", "cancelled"])
def test_what_is_wholly_loaded_is_done_whatever_else_was_said(target: Engine, stamp: str) -> None:
    number = job(target, slices=1, started=True, **{stamp: True})
    slice_(target, number, loaded=True)
    assert state(target, number) == "done"


def test_a_job_without_slices_is_done_as_soon_as_it_started(target: Engine) -> None:
    assert state(target, job(target, slices=0, started=True)) == "done"


def test_the_sums_of_a_job_are_those_of_its_own_slices(target: Engine) -> None:
    first, second = (job(target, slices=2, started=True) for _ in range(2))
    slice_(target, first, loaded=True, asset="T01")
    slice_(target, first, loaded=False, asset="T02")
    slice_(target, second, loaded=True)
    sums = "SELECT published, loaded, rows, windows FROM etl.job_status WHERE id = :id"
    assert fetch(target, sums, id=first) == [(2, 1, 1440, 144)]
