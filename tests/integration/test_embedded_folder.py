"""Folders of the embedded servers that other software or another version has left, or named."""

from pathlib import Path
from typing import Any

import pytest
import redis

from cli.embedded.child_process import stop_all
from cli.embedded.postgres import Postgres
from cli.embedded.redis_server import RedisServer
from shared.errors import ConfigurationError


def test_a_cluster_of_another_version_is_refused(server_folder: Path) -> None:
    data = server_folder / "old" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    postgres = Postgres(server_folder / "old", server_folder)
    with pytest.raises(ConfigurationError, match=r"created by PostgreSQL 9, and .* install"):
        postgres.start()


def test_redis_starts_in_a_folder_with_any_name(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quote" and $HOME, ü'
    server = RedisServer(folder, tmp_path)
    child = server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            config: Any = client.config_get("dir")
            assert config == {"dir": str(folder)}
    finally:
        stop_all([child], within_s=10)
