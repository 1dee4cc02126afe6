"""The least that each role of PostgreSQL needs; whatever else it tries is refused, with 42501.
Twice: with the roles of the embedded stack, and with those that deploy/postgres/*.sql make.
"""

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege

from cli.embedded.child_process import stop_all
from cli.embedded.postgres import READER, WRITER, Postgres
from shared.postgres import engines, schema_version
from tests.integration.connector_process import MINUTES, execute
from tests.prepared_cluster import FAST

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "postgres"
GETENV = "\\getenv "
EVERYBODYS = (
    "CREATE TABLE mine (a int)", "CREATE SCHEMA mine",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE ROLE mine",
    "CREATE DATABASE mine", "COPY (SELECT 1) TO PROGRAM 'true'", "COPY data FROM PROGRAM 'true'",
    "COPY data TO '/tmp/mine'", "SELECT pg_read_file('/etc/passwd')", "SELECT pg_ls_dir('/')",
    "SELECT * FROM pg_authid", "SELECT lo_import('/etc/passwd')", "SELECT pg_reload_conf()",
    "ALTER SYSTEM SET port = 1", "SET ROLE minuano_owner", "SET SESSION AUTHORIZATION postgres",
    "ALTER ROLE minuano_owner PASSWORD 'mine'", "DROP TABLE data", "TRUNCATE data",
    "ALTER TABLE data ADD COLUMN mine int", "CREATE INDEX ON data (timestamp)",
)  # fmt: skip
READERS = (
    "INSERT INTO data VALUES (now(), 1, 1)", "UPDATE data SET power = 0", "DELETE FROM data",
    "SELECT 1 FROM data FOR UPDATE", "SELECT * FROM secret", "CREATE TEMPORARY TABLE mine (a int)",
)  # fmt: skip
WRITERS = (
    "INSERT INTO alembic_version VALUES ('9')", "UPDATE alembic_version SET version_num = '9'",
    "DELETE FROM alembic_version", "TRUNCATE alembic_version", "UPDATE etl.audit SET who = 'x'",
    "DELETE FROM etl.audit", "TRUNCATE etl.audit", "DROP SCHEMA etl", "CREATE TABLE etl.x (a int)",
    "DROP VIEW signal_data", "CREATE OR REPLACE VIEW signal_data AS SELECT 1",
    "ALTER TABLE etl.job DISABLE TRIGGER ALL", "DROP FUNCTION etl.require_standing",
    "SELECT setval('etl.job_id_seq', 1)", "DELETE FROM etl.job", "DELETE FROM etl.slice",
    "DELETE FROM signal", "UPDATE signal SET name = 'x'", "UPDATE quality SET flags = 0",
    "TRUNCATE signal, data", "TRUNCATE quality", "TRUNCATE etl.job, etl.slice",
)  # fmt: skip
NEEDED = (
    "INSERT INTO signal (name, variable, statistic, window_s) VALUES ('a', 'b', 'c', 1)",
    "INSERT INTO data SELECT now(), id, 1 FROM signal", "UPDATE data SET value = 2",
    "DELETE FROM data", "CREATE TEMPORARY TABLE staged (a int)", "SELECT * FROM alembic_version",
    "SELECT 1 FROM signal FOR KEY SHARE", "DELETE FROM quality",
    "UPDATE etl.job SET done_at = now()", "UPDATE etl.slice SET loaded_at = now()",
    "SELECT * FROM etl.job_status, signal_data",
)  # fmt: skip


# All that the writer may do with what is there. What comes to it has to be added here.
WRITES = {
    "alembic_version": "SELECT", "data": "SELECT INSERT UPDATE DELETE", "signal_data": "SELECT",
    "quality": "SELECT INSERT DELETE", "signal": "SELECT INSERT", "etl.audit": "SELECT INSERT",
    "etl.job": "SELECT INSERT UPDATE", "etl.slice": "SELECT INSERT UPDATE",
    "etl.job_status": "SELECT",
}  # fmt: skip
GRANTED = """
    SELECT c.oid::regclass::text, string_agg(p, ' ' ORDER BY n)
    FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
                                  'TRIGGER']) WITH ORDINALITY AS a(p, n)
    WHERE relkind IN ('r', 'v', 'm', 'p') AND relnamespace IN ('public'::regnamespace,
    'etl'::regnamespace) AND has_table_privilege('minuano_writer', c.oid, p) GROUP BY c.oid
"""


class Databases:
    """A filled source and a migrated target, and their roles."""

    def __init__(self, source: str, target: str) -> None:
        self._urls = {READER: source, WRITER: target}

    def refusal(self, role: str, database: str) -> str:
        """What a role is told that connects to another database of its server."""
        url = urlsplit(self._urls[role])._replace(path=f"/{database}").geturl()
        with pytest.raises(psycopg2.OperationalError) as refused:
            psycopg2.connect(url)
        return str(refused.value)

    def asked(self, role: str, query: str) -> dict[str, str]:
        """The two columns of a query."""
        with (
            closing(psycopg2.connect(self._urls[role])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query)
            return dict(cursor.fetchall())

    def run(self, role: str, *statements: str) -> None:
        """Each by itself, as a role in its own database, and rolled back."""
        with closing(psycopg2.connect(self._urls[role])) as connection:
            for statement in statements:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                    connection.rollback()

    def allowed(self, role: str, statements: tuple[str, ...]) -> list[str]:
        """Those of the statements that are not refused for want of a privilege."""
        with closing(psycopg2.connect(self._urls[role])) as connection:
            connection.autocommit = True  # some are refused in a transaction for that alone
            return [one for one in statements if not _is_refused(connection, one)]


def _is_refused(connection: "psycopg2.extensions.connection", statement: str) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except InsufficientPrivilege:
        return True
    except psycopg2.Error as error:
        pytest.fail(f"{statement}: {error}")
    return False


def filled(source_owner: str, target_owner: str, superuser: str) -> None:
    """Tables as the owner makes them, and one of the source that is nobody's business."""
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
    filled(
        postgres.url(source, "minuano_owner"), postgres.url(target, "minuano_owner"),
        postgres.url(source),
    )  # fmt: skip
    yield Databases(postgres.url(source, "minuano_reader"), postgres.url(target, "minuano_writer"))
    for name in names.values():
        postgres.drop_database(name)


@pytest.fixture(scope="module")
def deployed(server_folder: Path) -> Iterator[Databases]:
    """A server of its own for each file, as Docker Compose has it: roles belong to a server."""
    logs = server_folder / "logs"
    servers = {
        kind: Postgres(server_folder / f"deploy-{kind}", logs, settings=FAST)
        for kind in ("source", "target")
    }
    children = []
    try:
        for kind, server in servers.items():
            children.append(server.start())
            execute(server.url(), f"CREATE DATABASE {kind}")
            execute(server.url(kind), as_psql_reads(DEPLOY / f"{kind}.sql", kind))
        urls = {kind: urlsplit(server.url(kind)) for kind, server in servers.items()}

        def url(kind: str, role: str) -> str:
            return f"postgresql://minuano_{role}:pw-{role}@127.0.0.1:{urls[kind].port}/{kind}"

        filled(url("source", "owner"), url("target", "owner"), servers["source"].url("source"))
        yield Databases(url("source", "reader"), url("target", "writer"))
    finally:
        stop_all(children, within_s=10)


def as_psql_reads(file: Path, name: str, **given: str) -> str:
    """The file with its variables in place."""
    lines = file.read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("\\"))
    for line in lines:
        if line.startswith(GETENV):
            variable = line.split()[1]
            text = text.replace(f":'{variable}'", f"'pw-{variable.removesuffix('_password')}'")
    for variable, value in {"DBNAME": name, **given}.items():
        text = text.replace(f':"{variable}"', f'"{value}"')
    return text


@pytest.fixture(scope="module", params=["embedded", "deployed"])
def databases(request: pytest.FixtureRequest) -> Databases:
    found: Databases = request.getfixturevalue(request.param)
    return found


def test_the_reader_reads_and_does_nothing_else(databases: Databases) -> None:
    databases.run("minuano_reader", "SELECT * FROM data")
    assert databases.allowed("minuano_reader", EVERYBODYS + READERS) == []


def test_the_writer_writes_rows_and_does_nothing_else(databases: Databases) -> None:
    databases.run("minuano_writer", *NEEDED)
    assert databases.allowed("minuano_writer", EVERYBODYS + WRITERS) == []


def test_the_writer_may_do_with_each_table_what_the_services_do(databases: Databases) -> None:
    assert databases.asked(WRITER, GRANTED) == WRITES


@pytest.mark.parametrize("role", [READER, WRITER])
def test_a_role_connects_to_its_own_database_only(databases: Databases, role: str) -> None:
    assert 'permission denied for database "postgres"' in databases.refusal(role, "postgres")


def test_reader_and_writer_do_not_meet(embedded: Databases) -> None:
    for role, other in ((READER, WRITER), (WRITER, READER)):
        name = urlsplit(embedded._urls[other]).path[1:]
        assert "permission denied for database" in embedded.refusal(role, name)
