"""The audit log of actions on jobs and dead letters: the table `etl.audit`, to which rows are only
added. The statements that change a job add those of jobs: `shared.ledger.job_statements`.
"""

import getpass
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, insert, select

from shared.domain.actor import Actor, Channel, printable_name
from shared.postgres.engines import postgres_errors
from shared.postgres.tables import audit
from shared.streams.dead_letters import DeadLetter

LetterAction = Literal["replay", "drop"]
Action = Literal["request", "cancel", "retry"] | LetterAction
# An entry added by hand can have any number of fields of any length. The first ones identify it.
MAX_FIELDS = 30
MAX_CHARS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One row: an action on a job, or on a letter, from which all fields after `job_id` are."""

    at: datetime
    action: Action
    actor: str
    channel: Channel
    role: str
    job_id: int | None
    dead_letter_id: str | None
    stage: str | None
    stream: str | None
    entry_id: str | None
    reason: str | None
    error: str | None
    deliveries: int | None
    dead_lettered_at: str | None
    fields: dict[str, str] | None


class AuditLog:
    """Writes and reads `etl.audit`; each method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, action: LetterAction, letters: Sequence[DeadLetter], *, by: Actor) -> None:
        """Record an action on letters. Call it before the action: it commits, so a crash in between
        leaves a row too many, never one too few.
        """
        done = {"action": action, "actor": by.name, "channel": by.channel}
        rows = [{**done, **_columns(letter)} for letter in letters]
        with postgres_errors(), self._engine.begin() as connection:
            connection.execute(insert(audit), rows)

    def newest(
        self, limit: int, *, job: int | None = None, only_letters: bool = False
    ) -> list[AuditEntry]:
        """The newest rows first; optionally only those of one job, or about dead letters."""
        columns = [c for c in audit.columns if c.name != "id"]
        query = select(*columns).order_by(audit.c.id.desc()).limit(limit)
        if job is not None:
            query = query.where(audit.c.job_id == job)
        if only_letters:
            query = query.where(audit.c.dead_letter_id.is_not(None))
        with postgres_errors(), self._engine.connect() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]


def current_user() -> str:
    """The user of this process, as user@host, in the characters of `shared.domain.actor`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # the user of a container may have no name
        user = "unknown"
    return printable_name(f"{user}@{socket.gethostname()}")


def _columns(letter: DeadLetter) -> dict[str, Any]:
    return {
        "dead_letter_id": letter.id,
        "stage": _text(letter.stage),
        "stream": _text(letter.stream),
        "entry_id": _text(letter.entry_id),
        "reason": _text(letter.reason),
        "error": _text(letter.error),
        "job_id": letter.job,
        "deliveries": min(letter.deliveries, 2**31 - 1),
        "dead_lettered_at": _text(letter.dead_lettered_at),
        "fields": _header(letter),
    }


def _header(letter: DeadLetter) -> dict[str, str]:
    fields = [(k, v) for k, v in letter.fields.items() if k != b"payload"][:MAX_FIELDS]
    header = {_text(_decode(k)): _text(_decode(v)) for k, v in fields}
    payload = letter.fields.get(b"payload")
    return header if payload is None else {**header, "payload": f"{len(payload)} bytes"}


def _decode(value: bytes) -> str:
    return value[: 4 * MAX_CHARS].decode(errors="backslashreplace")


def _text(text: str) -> str:
    """The part of the text that the log keeps, without NUL, which PostgreSQL cannot store."""
    return text[:MAX_CHARS].replace("\0", r"\x00")
