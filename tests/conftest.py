"""Real servers for the tests: one PostgreSQL and one Redis for each session, one database or key
prefix for each test. A session has its own ports and folder, so several sessions can run at once.
"""

import gc
import os
import sys
import tempfile
import uuid
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import psycopg2
import pytest
from hypothesis import settings
from psycopg2 import sql
from psycopg2.extensions import cursor
from sqlalchemy import Engine

from cli.embedded.child_process import stop_all
from cli.embedded.postgres import GRANTS, Postgres
from cli.embedded.redis_server import RedisServer
from shared.postgres import engines, schema_version
from shared.settings import RedisSettings
from tests import run_folder, shared_routes
from tests.fork_server import ForkServer
from tests.prepared_cluster import NO_FSYNC, SHARED_FOLDER, copy_prepared_cluster
from tests.scheduling import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.scheduling import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

OWNER = "minuano_owner"
# The duration of an example means little on a shared machine.
settings.register_profile("minuano", deadline=None, print_blob=True)
settings.load_profile("minuano")

FORK_SERVER = ForkServer()
FORKS = sys.platform == "linux" and os.environ.get("MINUANO_TEST_FORK") != "0"


def pytest_configure(config: pytest.Config) -> None:
    """Create the folder of the run, in memory if there is enough; pytest's workers inherit it."""
    shared_routes.install()
    if FORKS:
        FORK_SERVER.install()
    if SHARED_FOLDER in os.environ:
        return
    run_folder.remove_stale()
    folder = run_folder.create()
    os.environ[SHARED_FOLDER] = os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    config.add_cleanup(lambda: run_folder.remove(folder))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Pause garbage collection: collected objects live to the end of the run, and scanning them
    again and again took half of the time of this phase.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    FORK_SERVER.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Turn the fork server off for tests marked `cold` and their fixtures."""
    FORK_SERVER.enabled = item.get_closest_marker("cold") is None


@pytest.fixture
def fork_server() -> ForkServer:
    """The fork server, which starts the services and commands of the tests."""
    if not FORKS:
        pytest.skip("MINUANO_TEST_FORK=0, or not Linux")
    return FORK_SERVER


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that the user of PostgreSQL can read, also if the tests run as another user."""
    with tempfile.TemporaryDirectory(prefix="minuano-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "logs").mkdir()
        yield folder


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[Postgres]:
    """A running PostgreSQL with the project's roles."""
    copy_prepared_cluster(server_folder / "postgres")
    settings = (*NO_FSYNC, "max_connections=200")
    server = Postgres(server_folder / "postgres", server_folder / "logs", settings=settings)
    child = server.start()
    server.create_roles()
    yield server
    stop_all([child], within_s=10)


@pytest.fixture(scope="session")
def redis_server(server_folder: Path) -> Iterator[RedisServer]:
    """A running Redis."""
    server = RedisServer(server_folder / "redis", server_folder / "logs")
    child = server.start()
    yield server
    stop_all([child], within_s=10)


@pytest.fixture
def source_url(postgres: Postgres) -> Iterator[str]:
    """The owner's URL of an empty source database."""
    yield from _database(postgres, _empty_template(postgres))


@pytest.fixture
def target_url(postgres: Postgres) -> Iterator[str]:
    """The owner's URL of a target database with the newest schema."""
    yield from _database(postgres, _target_template(postgres))


@pytest.fixture
def target(target_url: str) -> Iterator[Engine]:
    """An engine for the target database of this test."""
    engine = engines.connect(target_url, application="test")
    yield engine
    engine.dispose()


@pytest.fixture
def redis_settings(redis_server: RedisServer) -> RedisSettings:
    """Settings with a stream prefix for this test and short timeouts."""
    return RedisSettings(
        redis_url=redis_server.url,
        stream_prefix=f"test-{uuid.uuid4().hex[:8]}:",
        read_block_s=0.1,
        lease_s=60.0,
    )


def _database(postgres: Postgres, template: str) -> Iterator[str]:
    """A copy of the template. PostgreSQL does not copy the rights on the database; grant them."""
    superuser, name = _superuser(postgres), f"test_{uuid.uuid4().hex[:12]}"
    execute = superuser.execute
    # FILE_COPY takes half the time of WAL_LOG, the default since PostgreSQL 15.
    strategy = "STRATEGY FILE_COPY" if superuser.connection.server_version >= 150_000 else ""
    execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template} {strategy}")
    for role, (grant, *_) in GRANTS.items():
        execute(sql.SQL(grant).format(database=sql.Identifier(name), role=sql.Identifier(role)))
    yield postgres.url(name, OWNER)
    execute(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _superuser(postgres: Postgres) -> cursor:
    """One connection for all tests: a new one takes as long as a copy of a database."""
    connection = psycopg2.connect(postgres.url())
    connection.autocommit = True
    return connection.cursor()


@cache
def _empty_template(postgres: Postgres) -> str:
    postgres.create_database("empty_template")
    return "empty_template"


@cache
def _target_template(postgres: Postgres) -> str:
    postgres.create_database("target_template")
    engine = engines.connect(postgres.url("target_template", OWNER), application="migrate")
    schema_version.upgrade(engine)
    engine.dispose()
    return "target_template"
