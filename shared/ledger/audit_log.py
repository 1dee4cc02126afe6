"""What was done with dead letters, and by whom: `etl.audit`, on which nothing is changed."""

import getpass
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, insert, select

from shared.postgres.engines import postgres_errors
from shared.postgres.tables import audit
from shared.streams.dead_letters import DeadLetter

Action = Literal["replay", "drop"]
# An entry by hand may have any number of fields of any length; what they were about is seen soon.
FIELDS_KEPT = 30
CHARS_KEPT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One row: what was done with which letter. Times of letters are as the letters say."""

    at: datetime
    action: str
    actor: str
    role: str
    dead_letter_id: str
    stage: str
    stream: str
    entry_id: str
    reason: str
    error: str
    job_id: int | None
    deliveries: int
    dead_lettered_at: str
    fields: dict[str, str]


class AuditLog:
    """Writes and reads `etl.audit`; each method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(
        self, action: Action, letters: Sequence[DeadLetter], *, actor: str | None = None
    ) -> None:
        """Write down what is about to be done, by whoever runs this process unless told. Committed
        before it is done, so that whatever happens in between, no letter goes without a trace;
        done again, it is noted again.
        """
        by = _text(actor) if actor else current_user()
        rows = [{"action": action, "actor": by, **_told(letter)} for letter in letters]
        with postgres_errors(), self._engine.begin() as connection:
            connection.execute(insert(audit), rows)

    def newest(self, limit: int, *, job: int | None = None) -> list[AuditEntry]:
        """The newest first, of one job if given."""
        columns = [c for c in audit.columns if c.name != "id"]
        chosen = select(*columns).order_by(audit.c.id.desc()).limit(limit)
        if job is not None:
            chosen = chosen.where(audit.c.job_id == job)
        with postgres_errors(), self._engine.connect() as connection:
            return [AuditEntry(**row) for row in connection.execute(chosen).mappings()]


def current_user() -> str:
    """Who runs this process, as user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user has no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def _told(letter: DeadLetter) -> dict[str, Any]:
    return {
        "dead_letter_id": letter.id,
        "stage": _text(letter.stage),
        "stream": _text(letter.stream),
        "entry_id": _text(letter.entry_id),
        "reason": _text(letter.reason),
        "error": _text(letter.error),
        "job_id": letter.job,
        "deliveries": min(letter.deliveries, 2**31 - 1),
        "dead_lettered_at": _text(letter.died_at),
        "fields": _header(letter),
    }


def _header(letter: DeadLetter) -> dict[str, str]:
    header = [(k, v) for k, v in letter.fields.items() if k != b"payload"][:FIELDS_KEPT]
    kept = {_text(_decoded(k)): _text(_decoded(v)) for k, v in header}
    payload = letter.fields.get(b"payload")
    return kept if payload is None else {**kept, "payload": f"{len(payload)} bytes"}


def _decoded(value: bytes) -> str:
    return value[: 4 * CHARS_KEPT].decode(errors="backslashreplace")


def _text(text: str) -> str:
    """What PostgreSQL can keep of it."""
    return text[:CHARS_KEPT].replace("\0", r"\x00")
