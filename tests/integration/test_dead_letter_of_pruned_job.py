"""A dead letter of a job that lost slices to a prune cannot be replayed."""

from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import Engine, text

from shared.errors import Conflict
from shared.ledger.audit_log import AuditLog
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import StreamNames
from tests.actors import TESTER
from tests.integration.ledger_jobs import failed


@pytest.mark.parametrize("attempt", [{}, {"attempt": 1}], ids=["no attempt", "attempt 1"])
def test_nothing_is_done_and_the_error_says_why(
    target: Engine, redis_settings: RedisSettings, attempt: dict[str, int]
) -> None:
    ledger, streams = Ledger(target), StreamNames(redis_settings.stream_prefix)
    job = failed(ledger)
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.job SET pruned_at = now(), attempt = attempt + 1"))
    with closing(redis_client.connect(redis_settings)) as client:
        fields: dict[Any, Any] = {"job": job.id, **attempt, "dead_stream": streams.stats}
        client.xadd(streams.dead, fields)
        letters = DeadLetters(client, streams)
        (letter,) = letters.newest(1)
        actions = DeadLetterActions(letters, ledger, AuditLog(target))
        with pytest.raises(Conflict, match=rf"job {job.id} was pruned on .*: drop {letter.id}"):
            actions.replay(letter, by=TESTER)
        assert letters.count() == 1
    assert AuditLog(target).newest(1, only_letters=True) == []
