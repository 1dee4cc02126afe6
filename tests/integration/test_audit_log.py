"""The audit log: written, read, and not changed by anybody."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from cli.embedded.postgres import Postgres
from shared.ledger import audit_log
from shared.ledger.audit_log import AuditLog
from shared.postgres import engines
from shared.streams.dead_letters import DeadLetter
from tests.actors import TESTER


@pytest.fixture
def writer(target: Engine, postgres: Postgres) -> Iterator[Engine]:
    """The role that services and the command line have."""
    url = postgres.url(target.url.database or "", "minuano_writer")
    engine = engines.connect(url, application="test")
    yield engine
    engine.dispose()


def letter(id: str = "1-0", **fields: Any) -> DeadLetter:
    """A letter of the aggregator, with these fields of its entry."""
    entry = {k.encode(): v if isinstance(v, bytes) else str(v).encode() for k, v in fields.items()}
    epitaph = {"reason": "arrow", "error": "torn", "stage": "aggregator", "stream": "minuano:raw",
               "id": "0-1", "deliveries": "2", "at": "2025-12-06T00:00:00+00:00"}  # fmt: skip
    told = {f"dead_{name}".encode(): value.encode() for name, value in epitaph.items()}
    return DeadLetter.from_entry(id.encode(), {**told, **entry})


def test_an_entry_records_action_letter_and_actor(writer: Engine) -> None:
    AuditLog(writer).record("drop", [letter(job=7, asset="T01")], by=TESTER)
    [deed] = AuditLog(writer).newest(10)
    assert (deed.action, deed.actor, deed.channel, deed.role) == (
        "drop", TESTER.name, TESTER.channel, "minuano_writer",
    )  # fmt: skip
    assert (deed.dead_letter_id, deed.entry_id, deed.stage, deed.stream) == (
        "1-0", "0-1", "aggregator", "minuano:raw",
    )  # fmt: skip
    assert (deed.reason, deed.error, deed.job_id, deed.deliveries) == ("arrow", "torn", 7, 2)
    assert (deed.dead_lettered_at, deed.fields) == (
        "2025-12-06T00:00:00+00:00", {"job": "7", "asset": "T01"},
    )  # fmt: skip


def test_only_the_size_of_the_payload_is_recorded(writer: Engine) -> None:
    AuditLog(writer).record("replay", [letter(payload=b"\x00" * 1_000)], by=TESTER)
    assert AuditLog(writer).newest(1)[0].fields == {"payload": "1000 bytes"}


def test_nul_is_escaped_and_long_texts_are_cut(writer: Engine) -> None:
    many: dict[str, Any] = {f"n{n}": n for n in range(1_000)}
    strange = letter(a=b"\xff\x00", b=b"x" * 10**6, dead_error=b"\x00", job="9" * 5_000, **many)
    AuditLog(writer).record("drop", [strange], by=TESTER)
    [deed] = AuditLog(writer).newest(1)
    fields = deed.fields or {}
    assert (deed.error, deed.job_id, fields["a"]) == (r"\x00", None, r"\xff\x00")
    assert (len(fields["b"]), len(fields)) == (
        audit_log.MAX_CHARS,
        audit_log.MAX_FIELDS,
    )


def test_rows_are_listed_newest_first_and_by_job(writer: Engine) -> None:
    AuditLog(writer).record("drop", [letter(f"{n}-0", job=n % 2) for n in range(6)], by=TESTER)
    newest, of_job = AuditLog(writer).newest(3), AuditLog(writer).newest(9, job=0)
    assert [entry.dead_letter_id for entry in newest] == ["5-0", "4-0", "3-0"]
    assert [entry.dead_letter_id for entry in of_job] == ["4-0", "2-0", "0-0"]


@pytest.mark.parametrize(
    "change",
    ["UPDATE etl.audit SET actor = 'another'", "DELETE FROM etl.audit", "TRUNCATE etl.audit"],
)
@pytest.mark.parametrize("role", ["minuano_writer", "minuano_owner"])
def test_audit_rows_cannot_be_changed(
    target: Engine, writer: Engine, role: str, change: str
) -> None:
    AuditLog(writer).record("drop", [letter()], by=TESTER)
    engine = writer if role == "minuano_writer" else target
    said = "permission denied" if role == "minuano_writer" else "cannot be changed"
    with pytest.raises(ProgrammingError, match=said), engine.begin() as connection:
        connection.execute(text(change))
    assert AuditLog(writer).newest(9)[0].actor == TESTER.name
