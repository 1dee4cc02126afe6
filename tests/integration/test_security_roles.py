"""Each role of PostgreSQL has the rights it needs; PostgreSQL refuses everything else with 42501.
Tested with the roles of the embedded stack and with those that deploy/postgres/*.sql creates.
"""

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Engine

from cli.embedded.child_process import stop_all
from cli.embedded.postgres import READER, WRITER, Postgres
from shared.postgres import engines, schema_version
from tests.integration.connector_process import MINUTES, execute
from tests.integration.loader import fetch
from tests.prepared_cluster import NO_FSYNC

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "postgres"
GETENV = "\\getenv "
FORBIDDEN_TO_ALL = (
    "CREATE TABLE own (a int)", "CREATE SCHEMA own",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE ROLE own",
    "CREATE DATABASE own", "COPY (SELECT 1) TO PROGRAM 'true'", "COPY data FROM PROGRAM 'true'",
    "COPY data TO '/tmp/own'", "SELECT pg_read_file('/etc/passwd')", "SELECT pg_ls_dir('/')",
    "SELECT * FROM pg_authid", "SELECT lo_import('/etc/passwd')", "SELECT pg_reload_conf()",
    "ALTER SYSTEM SET port = 1", "SET ROLE minuano_owner", "SET SESSION AUTHORIZATION postgres",
    "ALTER ROLE minuano_owner PASSWORD 'own'", "DROP TABLE data", "TRUNCATE data",
    "ALTER TABLE data ADD COLUMN own int", "CREATE INDEX ON data (timestamp)",
)  # fmt: skip
FORBIDDEN_TO_READER = (
    "INSERT INTO data VALUES (now(), 1, 1)", "UPDATE data SET power = 0", "DELETE FROM data",
    "SELECT 1 FROM data FOR UPDATE", "SELECT * FROM secret", "CREATE TEMPORARY TABLE own (a int)",
)  # fmt: skip
FORBIDDEN_TO_WRITER = (
    "INSERT INTO alembic_version VALUES ('9')", "UPDATE alembic_version SET version_num = '9'",
    "DELETE FROM alembic_version", "TRUNCATE alembic_version", "UPDATE etl.audit SET actor = 'x'",
    "DELETE FROM etl.audit", "TRUNCATE etl.audit", "DROP SCHEMA etl", "CREATE TABLE etl.x (a int)",
    "DROP VIEW signal_data", "CREATE OR REPLACE VIEW signal_data AS SELECT 1",
    "ALTER TABLE etl.job DISABLE TRIGGER ALL", "DROP FUNCTION etl.refuse_change",
    "SELECT setval('etl.job_id_seq', 1)", "DELETE FROM etl.job", "DELETE FROM etl.slice",
    "DELETE FROM signal", "UPDATE signal SET name = 'x'", "UPDATE quality SET flags = 0",
    "TRUNCATE signal, data", "TRUNCATE quality", "TRUNCATE etl.job, etl.slice",
)  # fmt: skip
NEEDED_BY_WRITER = (
    "INSERT INTO signal (name, variable, statistic, window_s) VALUES ('a', 'b', 'c', 1)",
    "INSERT INTO data SELECT now(), id, 1 FROM signal", "UPDATE data SET value = 2",
    "DELETE FROM data", "CREATE TEMPORARY TABLE staged (a int)", "SELECT * FROM alembic_version",
    "SELECT 1 FROM signal FOR KEY SHARE", "DELETE FROM quality",
    "UPDATE etl.job SET done_at = now()", "UPDATE etl.slice SET loaded_at = now()",
    "SELECT * FROM etl.job_status, signal_data",
)  # fmt: skip


# All rights of the writer. A new table has to be added here.
WRITER_RIGHTS = {
    "alembic_version": "SELECT", "data": "SELECT INSERT UPDATE DELETE", "signal_data": "SELECT",
    "quality": "SELECT INSERT DELETE", "signal": "SELECT INSERT", "etl.audit": "SELECT INSERT",
    "etl.job": "SELECT INSERT UPDATE", "etl.slice": "SELECT INSERT UPDATE",
    "etl.job_status": "SELECT", "etl.ledger": "SELECT",
}  # fmt: skip
GRANTED_TO_WRITER = """
    SELECT c.oid::regclass::text, string_agg(p, ' ' ORDER BY n)
    FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
                                  'TRIGGER']) WITH ORDINALITY AS a(p, n)
    WHERE relkind IN ('r', 'v', 'm', 'p') AND relnamespace IN ('public'::regnamespace,
    'etl'::regnamespace) AND has_table_privilege('minuano_writer', c.oid, p) GROUP BY c.oid
"""


class Databases:
    """A source with data and a migrated target, as their roles see them."""

    def __init__(self, source: str, target: str) -> None:
        self._urls = {READER: source, WRITER: target}

    def refusal(self, role: str, database: str) -> str:
        """The error when a role connects to another database of its server."""
        url = urlsplit(self._urls[role])._replace(path=f"/{database}").geturl()
        with pytest.raises(psycopg2.OperationalError) as refused:
            psycopg2.connect(url)
        return str(refused.value)

    def pairs(self, role: str, query: str) -> dict[str, str]:
        """The rows of a query with two columns."""
        with (
            closing(psycopg2.connect(self._urls[role])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query)
            return dict(cursor.fetchall())

    def run(self, role: str, *statements: str) -> None:
        """Run each statement as a role in its database, and roll it back."""
        with closing(psycopg2.connect(self._urls[role])) as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                    connection.rollback()

    def allowed(self, role: str, statements: tuple[str, ...]) -> list[str]:
        """The statements that are not refused with `InsufficientPrivilege`."""
        with closing(psycopg2.connect(self._urls[role])) as connection:
            connection.autocommit = True  # some cannot run in a transaction
            return [s for s in statements if not _is_refused(connection, s)]


def _is_refused(connection: "psycopg2.extensions.connection", statement: str) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except InsufficientPrivilege:
        return True
    except psycopg2.Error as error:
        pytest.fail(f"{statement}: {error}")
    return False


def create_tables(source_owner: str, target_owner: str, superuser: str) -> None:
    """The source and target tables, and a table that the reader must not see."""
    execute(source_owner, MINUTES)
    execute(superuser, "CREATE TABLE secret (a int)")
    engine = engines.connect(target_owner, application="test")
    schema_version.upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def embedded(postgres: Postgres) -> Iterator[Databases]:
    names = {kind: f"{kind}_{uuid.uuid4().hex[:8]}" for kind in ("source", "target")}
    for kind, role in {"source": READER, "target": WRITER}.items():
        postgres.create_database(names[kind], roles=[role])
    source, target = names["source"], names["target"]
    create_tables(
        postgres.url(source, "minuano_owner"), postgres.url(target, "minuano_owner"),
        postgres.url(source),
    )  # fmt: skip
    yield Databases(postgres.url(source, "minuano_reader"), postgres.url(target, "minuano_writer"))
    for name in names.values():
        postgres.drop_database(name)


@pytest.fixture(scope="module")
def deployed(server_folder: Path) -> Iterator[Databases]:
    """One server per file, as in Docker Compose: roles belong to a server."""
    logs = server_folder / "logs"
    servers = {
        kind: Postgres(server_folder / f"deploy-{kind}", logs, settings=NO_FSYNC)
        for kind in ("source", "target")
    }
    children = []
    try:
        for kind, server in servers.items():
            children.append(server.start())
            execute(server.url(), f"CREATE DATABASE {kind}")
            execute(server.url(kind), as_psql_reads(f"{kind}.sql", kind))
        urls = {kind: urlsplit(server.url(kind)) for kind, server in servers.items()}

        def url(kind: str, role: str) -> str:
            return f"postgresql://minuano_{role}:pw-{role}@127.0.0.1:{urls[kind].port}/{kind}"

        create_tables(
            url("source", "owner"), url("target", "owner"), servers["source"].url("source")
        )
        yield Databases(url("source", "reader"), url("target", "writer"))
    finally:
        stop_all(children, within_s=10)


def as_psql_reads(file: str, database: str, **variables: str) -> str:
    """A file of deploy/postgres with the values of its variables, as psql sends it."""
    lines = (DEPLOY / file).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("\\"))
    for line in lines:
        if line.startswith(GETENV):
            variable = line.split()[1]
            text = text.replace(f":'{variable}'", f"'pw-{variable.removesuffix('_password')}'")
    for variable, value in {"DBNAME": database, **variables}.items():
        text = text.replace(f':"{variable}"', f'"{value}"')
    return text


@pytest.fixture(scope="module", params=["embedded", "deployed"])
def databases(request: pytest.FixtureRequest) -> Databases:
    databases: Databases = request.getfixturevalue(request.param)
    return databases


def test_the_reader_reads_and_does_nothing_else(databases: Databases) -> None:
    databases.run("minuano_reader", "SELECT * FROM data")
    assert databases.allowed("minuano_reader", FORBIDDEN_TO_ALL + FORBIDDEN_TO_READER) == []


def test_the_writer_writes_rows_and_does_nothing_else(databases: Databases) -> None:
    databases.run("minuano_writer", *NEEDED_BY_WRITER)
    assert databases.allowed("minuano_writer", FORBIDDEN_TO_ALL + FORBIDDEN_TO_WRITER) == []


def test_the_writer_has_the_expected_rights_on_each_table(databases: Databases) -> None:
    assert databases.pairs(WRITER, GRANTED_TO_WRITER) == WRITER_RIGHTS


def test_only_a_role_that_writes_signals_may_update_their_units(target: Engine) -> None:
    query = "SELECT has_any_column_privilege(:role, 'signal', 'UPDATE')"
    allowed = [fetch(target, query, role=role) for role in (READER, WRITER)]
    assert allowed == [[(False,)], [(True,)]]


@pytest.mark.parametrize("role", [READER, WRITER])
def test_a_role_connects_to_its_own_database_only(databases: Databases, role: str) -> None:
    assert 'permission denied for database "postgres"' in databases.refusal(role, "postgres")


def test_reader_and_writer_cannot_use_the_database_of_the_other(embedded: Databases) -> None:
    for role, other in ((READER, WRITER), (WRITER, READER)):
        name = urlsplit(embedded._urls[other]).path[1:]
        assert "permission denied for database" in embedded.refusal(role, name)
