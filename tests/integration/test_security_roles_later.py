"""Roles where something stands already: a target of an older release, and a production database."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg2
import pytest
from alembic import command
from sqlalchemy import Connection, Engine, text

from cli.embedded.child_process import stop_all
from cli.embedded.postgres import READER, WRITER, Postgres
from shared.postgres import engines, schema_version
from tests.integration.connector_process import DAY, MINUTES, connector, execute, rows
from tests.integration.test_security_roles import (
    DEPLOY,
    EVERYBODYS,
    GRANTED,
    READERS,
    WRITES,
    Databases,
    as_psql_reads,
)
from tests.prepared_cluster import FAST

WIDE = "SELECT INSERT UPDATE DELETE"
SOMEBODY = "roles_somebody"


@pytest.fixture
def older(source_url: str, postgres: Postgres) -> Iterator[Engine]:
    """A target as the release before left it, and somebody who may look at its signals."""
    engine = engines.connect(source_url, application="test")
    migrate(engine, "0005")
    execute(
        postgres.url(urlsplit(source_url).path[1:]),
        f"CREATE ROLE {SOMEBODY}; GRANT SELECT ON signal TO {SOMEBODY}",
    )
    yield engine
    engine.dispose()
    execute(
        postgres.url(urlsplit(source_url).path[1:]),
        f"DROP OWNED BY {SOMEBODY}; DROP ROLE {SOMEBODY}",
    )


def migrate(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        settings = schema_version.config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)


def granted(connection: Connection) -> dict[str, str]:
    return {name: privileges for name, privileges in connection.execute(text(GRANTED))}


def test_a_target_that_stands_is_narrowed_by_migrating(older: Engine) -> None:
    with older.connect() as connection:
        before = granted(connection)
    schema_version.upgrade(older)
    with older.connect() as connection:
        after = granted(connection)
    assert {before[name] for name in ("signal", "etl.job", "etl.slice", "signal_data")} == {WIDE}
    assert after == WRITES


def test_who_could_not_write_is_given_nothing(older: Engine) -> None:
    schema_version.upgrade(older)
    asked = text("SELECT has_any_column_privilege(:role, 'signal', 'UPDATE')")
    with older.connect() as connection:
        found = [connection.scalar(asked, {"role": role}) for role in (SOMEBODY, WRITER)]
    assert found == [False, True]


@pytest.fixture(scope="module")
def production(server_folder: Path) -> Iterator[str]:
    """The superuser's URL of a database of others, in which the reader's role was made."""
    server = Postgres(server_folder / "production", server_folder / "logs", settings=FAST)
    child = server.start()
    try:
        execute(server.url(), "CREATE DATABASE scada")
        execute(server.url(), "CREATE ROLE minuano_owner")
        url = server.url("scada")
        execute(url, f'CREATE SCHEMA "park 1"; SET search_path = "park 1"; {MINUTES}')
        execute(
            url,
            "CREATE TABLE data (a int); CREATE TABLE secret (a int);"
            'CREATE TABLE "park 1".secret (a int)',
        )
        made = as_psql_reads(DEPLOY / "reader.sql", "scada", schema="park 1", table="data")
        execute(url, made)
        yield url
    finally:
        stop_all([child], within_s=10)


def reader_of(url: str) -> str:
    return f"postgresql://minuano_reader:pw-reader@127.0.0.1:{urlsplit(url).port}/scada"


def test_a_production_database_is_read_by_the_role_that_was_made_there(production: str) -> None:
    with connector(reader_of(production), source_table="park 1.data") as client:
        assert len(rows(client, start=DAY)) == 1440


def test_in_a_production_database_the_role_does_nothing_else(production: str) -> None:
    forbidden = [*EVERYBODYS, *READERS, "SELECT * FROM public.data", "SELECT * FROM public.secret"]
    temporary = forbidden.pop(forbidden.index("CREATE TEMPORARY TABLE mine (a int)"))
    as_it_likes = quote('-c default_transaction_read_only=off -c search_path="park\\ 1"')
    databases = Databases(f"{reader_of(production)}?options={as_it_likes}", "")
    databases.run(READER, "SELECT * FROM data")
    assert databases.allowed(READER, tuple(forbidden)) == []
    with (
        closing(psycopg2.connect(reader_of(production))) as connection,
        pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
    ):
        connection.cursor().execute(temporary)
