"""Real servers for the tests: one PostgreSQL and one Redis a session, a database or key space each
test. Every session has its own ports and folder, so that several can run side by side.
"""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine

from cli.embedded.postgres import Postgres
from cli.embedded.processes import stop_all
from cli.embedded.redis_server import RedisServer
from shared import database, schema
from shared.settings import RedisSettings

OWNER = "minuano_owner"
# How long an example takes says nothing on a machine that others use too.
settings.register_profile("minuano", deadline=None, print_blob=True)
settings.load_profile("minuano")

# The tests' own server need not outlive a power cut.
FAST = ("fsync=off", "full_page_writes=off", "max_connections=200")


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach, whatever user the tests run as."""
    with tempfile.TemporaryDirectory(prefix="minuano-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "logs").mkdir()
        yield folder


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[Postgres]:
    """A running PostgreSQL with the project's roles."""
    server = Postgres(server_folder / "postgres", server_folder / "logs", settings=FAST)
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
    yield from _database(postgres)


@pytest.fixture
def target_url(postgres: Postgres) -> Iterator[str]:
    """The owner's URL of a target database that is at the newest schema."""
    for url in _database(postgres):
        engine = database.connect(url, application="test")
        schema.upgrade(engine)
        engine.dispose()
        yield url


@pytest.fixture
def target(target_url: str) -> Iterator[Engine]:
    """An engine on a target database of one's own."""
    engine = database.connect(target_url, application="test")
    yield engine
    engine.dispose()


@pytest.fixture
def redis_settings(redis_server: RedisServer) -> RedisSettings:
    """Settings with streams of one's own and short times."""
    return RedisSettings(
        redis_url=redis_server.url,
        stream_prefix=f"test-{uuid.uuid4().hex[:8]}:",
        block_s=0.1,
        lease_s=0.6,
    )


def _database(postgres: Postgres) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name)
    yield postgres.url(name, OWNER)
    postgres.drop_database(name)
