"""Each role of PostgreSQL has the rights it needs; PostgreSQL refuses everything else with 42501.
Tested with the roles of the embedded stack and with those that deploy/postgres/*.sql creates.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Engine

from cli.embedded.child_process import stop_all
from cli.embedded.postgres import READER, WRITER, Postgres
from cli.missing_rights import missing_rights
from shared.ledger.ledger import Ledger
from shared.postgres import engines, schema_version
from shared.settings import RedisSettings
from tests.actors import TESTER
from tests.integration.connector_process import MINUTES, execute
from tests.integration.loader import batch, fetch, loader, means, new_job, steady
from tests.integration.prune_case import OLD_ID, make_older_job, prune_case
from tests.integration.role_rights import (
    COLUMNS,
    FORBIDDEN_TO_ALL,
    FORBIDDEN_TO_READER,
    FORBIDDEN_TO_WRITER,
    GRANTED,
    LARGE_OBJECTS,
    NEEDED_BY_WRITER,
    SERVICE_COLUMNS,
    SERVICE_RIGHTS,
    WRITER_RIGHTS,
)
from tests.prepared_cluster import NO_FSYNC

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "postgres"
GETENV = "\\getenv "


class Databases:
    """A source with data and a migrated target, as their roles see them."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls

    @property
    def roles(self) -> list[str]:
        return list(self._urls)

    def engine(self, role: str) -> Engine:
        """An engine for the database of a role."""
        return engines.connect(self._urls[role], application="test")

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
    yield Databases(
        {READER: postgres.url(source, "minuano_reader"), WRITER: postgres.url(target, WRITER)}
    )
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
        services = {role: url("target", role.removeprefix("minuano_")) for role in SERVICE_RIGHTS}
        yield Databases({READER: url("source", "reader"), **services})
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
    assert (
        databases.allowed("minuano_reader", FORBIDDEN_TO_ALL + LARGE_OBJECTS + FORBIDDEN_TO_READER)
        == []
    )


def test_the_writer_writes_rows_and_does_nothing_else(embedded: Databases) -> None:
    embedded.run("minuano_writer", *NEEDED_BY_WRITER)
    assert (
        embedded.allowed("minuano_writer", FORBIDDEN_TO_ALL + LARGE_OBJECTS + FORBIDDEN_TO_WRITER)
        == []
    )


def test_the_writer_has_the_expected_rights_on_each_table(embedded: Databases) -> None:
    assert embedded.pairs(WRITER, GRANTED) == WRITER_RIGHTS


@pytest.mark.parametrize("role", SERVICE_RIGHTS)
def test_each_service_has_the_rights_that_it_needs_and_no_others(
    deployed: Databases, role: str
) -> None:
    assert deployed.pairs(role, GRANTED) == SERVICE_RIGHTS[role]
    columns = {table: set(names.split()) for table, names in deployed.pairs(role, COLUMNS).items()}
    assert columns == SERVICE_COLUMNS[role]
    assert deployed.allowed(role, FORBIDDEN_TO_ALL + LARGE_OBJECTS + FORBIDDEN_TO_WRITER) == []


def test_only_the_loader_writes_values(deployed: Databases) -> None:
    writes = ("INSERT INTO data VALUES (now(), 1, 1)", "DELETE FROM data", "DELETE FROM quality",
              "CREATE TEMPORARY TABLE staged (a int)")  # fmt: skip
    for role in set(SERVICE_RIGHTS) - {"minuano_loader"}:
        assert deployed.allowed(role, writes) == []
    deployed.run("minuano_loader", *writes[1:])


def test_doctor_finds_no_right_that_a_service_lacks(deployed: Databases) -> None:
    engine = deployed.engine("minuano_cli")
    with engine.connect() as connection:
        assert missing_rights(connection) == []
    engine.dispose()


def test_services_do_their_work_with_their_roles(
    deployed: Databases, redis_settings: RedisSettings
) -> None:
    engines_of = {role: deployed.engine(role) for role in SERVICE_RIGHTS}
    extractor, loading = engines_of["minuano_extractor"], engines_of["minuano_loader"]
    ledger = Ledger(extractor)
    for value in (1.0, 2.0):
        job = new_job(extractor)
        loader(loading).load([batch(job, steady(value, 50))])
        make_older_job(extractor, job, 100)
    for role in ("minuano_dashboard", "minuano_cli"):
        id = ledger.fail(new_job(extractor), reason="data", error="").id
        assert Ledger(engines_of[role]).reopen(id).state == "running"
        assert ledger.cancel(id, by=TESTER).state == "cancelled"
    for role in ("minuano_extractor", "minuano_cli"):
        with prune_case(extractor, engines_of[role], redis_settings) as case:
            case.redis.xadd(case.streams.dead, {"a": "b"}, id=OLD_ID)
            case.redis.xadd(case.streams.dead, {"a": "b"})
            assert case.prune().dead_letters == 1
            case.redis.delete(case.streams.dead)
    assert set(means(engines_of["minuano_orchestrator"]).values()) == {2.0}
    for engine in engines_of.values():
        engine.dispose()


def test_only_a_role_that_writes_signals_may_update_their_units(target: Engine) -> None:
    query = "SELECT has_any_column_privilege(:role, 'signal', 'UPDATE')"
    allowed = [fetch(target, query, role=role) for role in (READER, WRITER)]
    assert allowed == [[(False,)], [(True,)]]


def test_a_role_connects_to_its_own_database_only(databases: Databases) -> None:
    for role in databases.roles:
        for other in ("postgres", "template1"):
            assert f'permission denied for database "{other}"' in databases.refusal(role, other)


def test_reader_and_writer_cannot_use_the_database_of_the_other(embedded: Databases) -> None:
    for role, other in ((READER, WRITER), (WRITER, READER)):
        name = urlsplit(embedded._urls[other]).path[1:]
        assert "permission denied for database" in embedded.refusal(role, name)
