"""Exit codes of `dead-letters replay` and `dead-letters drop`, without any service."""

from collections.abc import Iterator

import pytest
import redis
from typer.testing import Result

from shared.settings import RedisSettings
from shared.streams.entries import StreamNames
from tests.integration.commands import minuano


@pytest.fixture
def client(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_settings.redis_url.get_secret_value()) as client:
        yield client


@pytest.fixture
def dead(redis_settings: RedisSettings, client: redis.Redis) -> str:
    """The dead-letter stream, with one dead letter that came from no stream of the pipeline."""
    stream = StreamNames(redis_settings.stream_prefix).dead
    client.xadd(stream, {"dead_stream": "elsewhere", "a": "b"})
    return stream


def dead_letters(redis_settings: RedisSettings, target_url: str, *words: str) -> Result:
    return minuano(
        "dead-letters", *words,
        MINUANO_REDIS_URL=redis_settings.redis_url.get_secret_value(),
        MINUANO_STREAM_PREFIX=redis_settings.stream_prefix,
        MINUANO_TARGET_URL=target_url,
    )  # fmt: skip


def test_a_refused_replay_ends_with_1(
    redis_settings: RedisSettings, target_url: str, client: redis.Redis, dead: str
) -> None:
    result = dead_letters(redis_settings, target_url, "replay", "all")
    assert (result.exit_code, client.xlen(dead)) == (1, 1)
    assert "came from no stream of this pipeline" in result.output


@pytest.mark.parametrize(("options", "left"), [((), 1), (("--yes",), 0)])
def test_a_dead_letter_is_dropped_only_after_a_confirmation(
    redis_settings: RedisSettings,
    target_url: str,
    client: redis.Redis,
    dead: str,
    options: tuple[str, ...],
    left: int,
) -> None:
    result = dead_letters(redis_settings, target_url, "drop", "all", *options)
    assert (result.exit_code, client.xlen(dead)) == (left, left)
