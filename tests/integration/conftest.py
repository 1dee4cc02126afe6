"""The stream tests run on every kind of server that is here: Redis and Valkey, old and new."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.embedded import server_binaries
from cli.embedded.child_process import stop_all
from cli.embedded.redis_server import RedisServer
from shared.settings import RedisSettings
from tests.integration.streaming import LEASE_S, Rig

SERVERS = server_binaries.redis_servers()


@pytest.fixture(
    scope="session", params=SERVERS, ids=lambda server: f"{server.name}-{server.version}"
)
def any_redis(request: pytest.FixtureRequest, server_folder: Path) -> Iterator[RedisServer]:
    """One of the servers, running."""
    folder = server_folder / f"any-{request.param.name}-{request.param.version}"
    server = RedisServer(folder, server_folder / "logs", server=request.param)
    child = server.start()
    yield server
    stop_all([child], within_s=10)


@pytest.fixture
def rig(any_redis: RedisServer) -> Iterator[Rig]:
    """A stream of one's own with short times."""
    made = Rig(settings_of(any_redis))
    yield made
    made.stop()


def settings_of(server: RedisServer, **changes: object) -> RedisSettings:
    """Settings with a prefix of their own and a lease that no stall outlasts."""
    times: dict[str, Any] = {
        "read_block_s": 0.1,
        "lease_s": LEASE_S,
        "max_deliveries": 3,
        **changes,
    }
    prefix = f"test-{uuid.uuid4().hex[:8]}:"
    return RedisSettings(redis_url=server.url, stream_prefix=prefix, **times)
