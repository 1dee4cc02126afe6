"""What `status` and `dead-letters list` print about Redis and a target, without services."""

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
    with redis.Redis.from_url(redis_settings.redis_url.get_secret_value()) as client:
        yield client


def output(redis_settings: RedisSettings, target_url: str, *words: str) -> str:
    """The output of a command that ended with 0."""
    result = minuano(
        *words,
        MINUANO_REDIS_URL=redis_settings.redis_url.get_secret_value(),
        MINUANO_STREAM_PREFIX=redis_settings.stream_prefix,
        MINUANO_TARGET_URL=target_url,
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_a_pending_entry_does_not_count_as_waiting(
    redis_settings: RedisSettings, target_url: str, client: redis.Redis
) -> None:
    raw = StreamNames(redis_settings.stream_prefix).raw
    for _ in range(3):
        client.xadd(raw, {"v": "0"})
    client.xgroup_create(raw, "aggregator", "0-0")
    client.xreadgroup("aggregator", "worker-1", {raw: ">"}, count=1)
    lines = output(redis_settings, target_url, "status").splitlines()
    [row] = [line.split() for line in lines if line.startswith("aggregator")]
    assert row[2:4] == ["2", "1"]


@pytest.mark.parametrize(
    ("others", "last"),
    [("- interval '1 day' WHERE start > :day", "s ago: job"),
     ("+ interval '1 day' WHERE start > :day", "s ago: job"),
     ("+ interval '1 day' * CASE start WHEN :day THEN 2 ELSE 1 END",
      "at a time when the target's clock was ahead: job")],
)  # fmt: skip
def test_the_last_load_is_the_newest_one_whose_time_is_not_in_the_future(
    redis_settings: RedisSettings, target_url: str, target: Engine, others: str, last: str
) -> None:
    job = new_job(target, slices=2)
    load(target, *(batch(job, steady(7.0), start=DAY + n * HOUR) for n in range(2)))
    with target.begin() as connection:
        connection.execute(text(f"UPDATE etl.slice SET loaded_at = now() {others}"), {"day": DAY})
    assert f"{last} 1, from 2025-12-05 00:00 UTC" in output(redis_settings, target_url, "status")


@pytest.mark.parametrize(("limit", "cut"), [("3", False), ("2", True)])
def test_a_truncated_list_says_how_many_rows_exist(
    redis_settings: RedisSettings, target_url: str, client: redis.Redis, limit: str, cut: bool
) -> None:
    for n in range(3):
        client.xadd(StreamNames(redis_settings.stream_prefix).dead, {"dead_reason": f"reason-{n}"})
    out = output(redis_settings, target_url, "dead-letters", "list", "--limit", limit)
    assert (f"the newest {limit} of 3" in out) == cut
    assert ("reason-0" in out) != cut
