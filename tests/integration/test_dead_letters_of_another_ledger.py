"""Dead letters that must stay: with the settings of another target, or without an audit."""

from typing import Any, cast

import pytest
import redis
from sqlalchemy import Engine

from shared.errors import ConfigurationError, Unavailable
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import StreamNames
from shared.streams.ownership import SCHEMA
from tests.actors import TESTER
from tests.integration.commands import minuano

OTHER_LEDGER = "0b2f4a51-8a52-4c46-9d52-3c7d0a5ff0aa"
LONG_AGO = "1-1"


@pytest.mark.parametrize(
    "words",
    [
        ("dead-letters", "drop", "all", "--yes"),
        ("dead-letters", "replay", "all"),
        ("prune", "--older-than", "90d"),
    ],
    ids=lambda words: words[-2] if words[0] == "prune" else words[1],
)
def test_the_command_is_refused_and_changes_nothing(
    redis_settings: RedisSettings, target_url: str, words: tuple[str, ...]
) -> None:
    streams, url = StreamNames(redis_settings.stream_prefix), redis_settings.redis_url
    with redis.Redis.from_url(url.get_secret_value()) as client:
        client.hset(streams.ledger, SCHEMA, OTHER_LEDGER)
        client.xadd(streams.dead, {"dead_stream": streams.jobs, "date": "2025-12-05"}, id=LONG_AGO)
        result = minuano(
            *words,
            MINUANO_REDIS_URL=url.get_secret_value(),
            MINUANO_STREAM_PREFIX=redis_settings.stream_prefix,
            MINUANO_TARGET_URL=target_url,
        )
        left = client.xlen(streams.dead), client.xlen(streams.jobs)
    assert left == (1, 0)
    assert isinstance(result.exception, ConfigurationError)
    assert f"belong to the ledger {OTHER_LEDGER}" in str(result.exception)


class FullAudit:
    """An audit log that takes no entry."""

    def record(self, *_: Any, **__: Any) -> None:
        raise Unavailable("no space left")


def test_a_letter_stays_if_its_removal_cannot_be_recorded(
    redis_settings: RedisSettings, target: Engine
) -> None:
    streams, url = StreamNames(redis_settings.stream_prefix), redis_settings.redis_url
    with redis.Redis.from_url(url.get_secret_value()) as client:
        client.xadd(streams.dead, {"dead_stream": streams.jobs}, id=LONG_AGO)
        letters = DeadLetters(client, streams)
        actions = DeadLetterActions(letters, Ledger(target), cast(Any, FullAudit()))
        with pytest.raises(Unavailable, match="no space left"):
            actions.drop([letters.letter(LONG_AGO)], by=TESTER)
        assert letters.count() == 1
