"""What `status` and `dead list` say of Redis and a target, without any service."""

from collections.abc import Iterator

import pytest
import redis
from sqlalchemy import Engine, text

from shared.settings import RedisSettings
from shared.streams.entries import StreamNames
from tests.dashboard.dashboard_client import load
from tests.integration.commands import minuano
from tests.integration.loader import DAY, HOUR, batch, new_job, steady


@pytest.fixture
def client(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_settings.redis_url.get_secret_value()) as found:
        yield found


def said(redis_settings: RedisSettings, target_url: str, *words: str) -> str:
    """What a command says that has ended well."""
    ended = minuano(
        *words,
        MINUANO_REDIS_URL=redis_settings.redis_url.get_secret_value(),
        MINUANO_STREAM_PREFIX=redis_settings.stream_prefix,
        MINUANO_TARGET_URL=target_url,
    )
    assert ended.exit_code == 0, ended.output
    return ended.output


def test_what_is_in_hand_does_not_wait(
    redis_settings: RedisSettings, target_url: str, client: redis.Redis
) -> None:
    raw = StreamNames(redis_settings.stream_prefix).raw
    for _ in range(3):
        client.xadd(raw, {"v": "0"})
    client.xgroup_create(raw, "aggregator", "0-0")
    client.xreadgroup("aggregator", "worker-1", {raw: ">"}, count=1)
    lines = said(redis_settings, target_url, "status").splitlines()
    [row] = [line.split() for line in lines if line.startswith("aggregator")]
    assert row[2:4] == ["2", "1"]


def test_the_last_load_is_the_newest(
    redis_settings: RedisSettings, target_url: str, target: Engine
) -> None:
    job = new_job(target, slices=2)
    load(target, *(batch(job, steady(7.0), start=DAY + n * HOUR) for n in range(2)))
    with target.begin() as connection:
        connection.execute(
            text("UPDATE etl.slice SET loaded_at = now() - interval '1 day' WHERE start > :day"),
            {"day": DAY},
        )
    assert "from 2025-12-05 00:00 UTC" in said(redis_settings, target_url, "status")


@pytest.mark.parametrize(("limit", "told"), [("3", False), ("2", True)])
def test_a_list_that_is_cut_says_so(
    redis_settings: RedisSettings, target_url: str, client: redis.Redis, limit: str, told: bool
) -> None:
    for n in range(3):
        client.xadd(StreamNames(redis_settings.stream_prefix).dead, {"dead_reason": f"reason-{n}"})
    out = said(redis_settings, target_url, "dead", "list", "--limit", limit)
    assert (f"the newest {limit} of 3" in out) == told
    assert ("reason-0" in out) != told
