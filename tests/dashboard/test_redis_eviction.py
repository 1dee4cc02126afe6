"""A policy of eviction that Redis gets while the services run."""

from collections.abc import Iterator

import pytest
import redis
from fastapi.testclient import TestClient
from pydantic import SecretStr

from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.entries import StreamNames


@pytest.fixture
def server(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with redis_client.connect(redis_settings) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")


def test_a_service_is_not_ready_while_redis_may_evict_streams(
    client: TestClient, server: redis.Redis
) -> None:
    assert client.get("/health/ready").status_code == 200
    server.config_set("maxmemory-policy", "allkeys-lru")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "this Redis evicts entries (maxmemory-policy allkeys-lru): set maxmemory-policy noeviction",
    )
    server.config_set("maxmemory-policy", "noeviction")
    assert client.get("/health/ready").status_code == 200


def test_a_redis_that_hides_its_policy_counts_as_ready(server: redis.Redis) -> None:
    server.acl_setuser(
        "hiding", enabled=True, nopass=True, commands=["+ping"], reset=True, keys=["*"]
    )
    options = server.connection_pool.connection_kwargs
    url = f"redis://hiding:x@{options['host']}:{options['port']}"
    with redis_client.connect(RedisSettings(redis_url=SecretStr(url))) as hiding:
        redis_client.check(hiding, StreamNames("test:"))
    server.acl_deluser("hiding")
