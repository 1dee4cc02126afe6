"""The streams of one prefix belong to one ledger."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from shared.domain.ledger_identity import LedgerIdentity
from shared.errors import ConfigurationError, Unavailable
from shared.settings import RedisSettings
from shared.streams import ownership, redis_client, worker_registry
from shared.streams.entries import StreamNames
from shared.streams.ownership import Ownership

MINE = LedgerIdentity("schema-1", "first")
RESTORED = LedgerIdentity("schema-1", "second")
OTHER = LedgerIdentity("schema-2", "third")


@pytest.fixture
def client(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with closing(redis_client.connect(redis_settings)) as connected:
        yield connected


@pytest.fixture
def streams(redis_settings: RedisSettings) -> StreamNames:
    return StreamNames(redis_settings.stream_prefix)


def claim(client: redis.Redis, streams: StreamNames, identity: LedgerIdentity) -> None:
    Ownership(client, streams, lambda: identity).claim()


def stop_services(client: redis.Redis, streams: StreamNames) -> None:
    """The last sign of life of the services is old."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_registry, "_now", lambda _: 0.0)
        for identity in worker_registry.live(client, streams.ledger) | {MINE.current}:
            worker_registry.heartbeat(client, streams.ledger, identity)


def test_services_of_one_ledger_share_its_streams(
    client: redis.Redis, streams: StreamNames
) -> None:
    claim(client, streams, MINE)
    claim(client, streams, MINE)
    assert client.hgetall(streams.ledger) == {b"schema": b"schema-1"}
    assert worker_registry.live(client, streams.ledger) == {"first"}


def test_a_second_ledger_is_refused_and_the_line_says_what_to_do(
    client: redis.Redis, streams: StreamNames
) -> None:
    claim(client, streams, MINE)
    stop_services(client, streams)
    with pytest.raises(ConfigurationError, match=r"MINUANO_STREAM_PREFIX: .* schema-1.*schema-2"):
        claim(client, streams, OTHER)
    claim(client, streams, RESTORED)


def test_a_copy_waits_until_no_service_of_the_first_ledger_runs(
    client: redis.Redis, streams: StreamNames
) -> None:
    claim(client, streams, MINE)
    with pytest.raises(Unavailable, match="copy of this ledger"):
        claim(client, streams, RESTORED)
    stop_services(client, streams)
    claim(client, streams, RESTORED)
    with pytest.raises(Unavailable, match="copy of this ledger"):
        claim(client, streams, MINE)


def test_a_copy_that_started_at_the_same_moment_withdraws(
    client: redis.Redis, streams: StreamNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have seen that no service is alive, and then one is the first to say that it is."""
    first_to_be_alive, heartbeat = iter([MINE.current]), worker_registry.heartbeat

    def with_the_other_before(client: redis.Redis, stream: str, name: str) -> None:
        for other in first_to_be_alive:
            heartbeat(client, stream, other)
        heartbeat(client, stream, name)

    monkeypatch.setattr(worker_registry, "heartbeat", with_the_other_before)
    with pytest.raises(Unavailable, match="identity first, here second"):
        claim(client, streams, RESTORED)
    claim(client, streams, MINE)
    assert worker_registry.live(client, streams.ledger) == {"first"}


def test_a_claim_is_renewed(
    client: redis.Redis, streams: StreamNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "RENEW_EVERY_S", 0.01)
    stop, asked = threading.Event(), []

    def identity() -> LedgerIdentity:
        asked.append(1)
        if len(asked) == 1:
            raise Unavailable("the target restarts")
        if len(asked) == 3:
            stop.set()
        return MINE

    Ownership(client, streams, identity).run(stop)
    assert worker_registry.live(client, streams.ledger) == {"first"}


def test_a_redis_without_memory_still_tells_its_owner(
    client: redis.Redis, streams: StreamNames
) -> None:
    claim(client, streams, MINE)
    client.config_set("maxmemory", 1)
    try:
        claim(client, streams, MINE)
        with pytest.raises(ConfigurationError):
            claim(client, streams, OTHER)
    finally:
        client.config_set("maxmemory", 0)
