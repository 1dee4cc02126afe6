"""A dead letter fails its job: the job shows the reason, and `dead-letters replay` reopens it."""

from collections.abc import Sequence

from shared import logs
from shared.errors import NotFound
from shared.ledger.ledger import Ledger
from shared.streams.entries import Entry, Output, parse_attempt, parse_job_id, parse_ledger

log = logs.get(__name__)


class DeadLetterHandler:
    """The handler of the dead-letter stream; it leaves the entries on the stream."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __call__(self, entries: Sequence[Entry]) -> list[Output]:
        for entry in entries:
            if (job := parse_job_id(entry.fields)) is not None:
                self._fail(job, entry)
        return []

    def _fail(self, job: int, entry: Entry) -> None:
        reason, error, stage = (
            entry.fields.get(name, b"").decode(errors="replace")  # any program may have written it
            for name in (b"dead_reason", b"dead_error", b"dead_stage")
        )
        try:
            self._ledger.fail_for_dead_letter(
                job,
                letter=entry.id,
                reason=reason,
                error=f"{stage}: {error} (dead letter {entry.id})",
                attempt=parse_attempt(entry.fields),
                ledger=parse_ledger(entry.fields),
            )
        except NotFound:
            # Not an error: dead-lettering a dead letter would loop forever.
            log.warning("dead_letter.job_unknown", id=entry.id, job=job)
