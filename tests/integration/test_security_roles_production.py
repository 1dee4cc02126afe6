"""The reader's role in a production database, as deploy/postgres/reader.sql creates it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg2
import pytest

from cli.embedded.child_process import stop_all
from cli.embedded.postgres import READER, Postgres
from tests.integration.connector_process import DAY, MINUTES, connector, execute, rows
from tests.integration.role_rights import FORBIDDEN_TO_ALL, FORBIDDEN_TO_READER
from tests.integration.test_security_roles import Databases, as_psql_reads
from tests.prepared_cluster import NO_FSYNC


@pytest.fixture(scope="module")
def production(server_folder: Path) -> Iterator[str]:
    """The superuser's URL of a production database in which reader.sql has created the role."""
    server = Postgres(server_folder / "production", server_folder / "logs", settings=NO_FSYNC)
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
        execute(url, as_psql_reads("reader.sql", "scada", schema="park 1", table="data"))
        yield url
    finally:
        stop_all([child], within_s=10)


def reader_of(url: str) -> str:
    return f"postgresql://minuano_reader:pw-reader@127.0.0.1:{urlsplit(url).port}/scada"


def test_the_role_reads_its_table(production: str) -> None:
    with connector(reader_of(production), source_table="park 1.data") as client:
        assert len(rows(client, start=DAY)) == 1440


def test_the_role_does_nothing_else(production: str) -> None:
    forbidden = [
        *FORBIDDEN_TO_ALL,
        *FORBIDDEN_TO_READER,
        "SELECT * FROM public.data",
        "SELECT * FROM public.secret",
    ]
    temporary = forbidden.pop(forbidden.index("CREATE TEMPORARY TABLE own (a int)"))
    options = quote('-c default_transaction_read_only=off -c search_path="park\\ 1"')
    databases = Databases({READER: f"{reader_of(production)}?options={options}"})
    databases.run(READER, "SELECT * FROM data")
    assert databases.allowed(READER, tuple(forbidden)) == []
    with (
        closing(psycopg2.connect(reader_of(production))) as connection,
        pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
    ):
        connection.cursor().execute(temporary)
