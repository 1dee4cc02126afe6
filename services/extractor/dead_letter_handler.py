"""A dead letter fails its job: the job says why, and `dead replay` opens it again."""

from collections.abc import Sequence

from shared import logs
from shared.errors import NotFound
from shared.ledger.ledger import Ledger
from shared.streams.entries import Entry, Output, parse_attempt, parse_job_id

log = logs.get(__name__)


class DeadLetterHandler:
    """The handler of the dead letters; they stay where they are."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __call__(self, entries: Sequence[Entry]) -> list[Output]:
        for entry in entries:
            self._fail_job_of(entry)
        return []

    def _fail_job_of(self, entry: Entry) -> None:
        if (job := parse_job_id(entry.fields)) is None:
            return
        told = {k.decode(errors="replace"): v for k, v in entry.fields.items()}
        reason, error, stage = (
            # Text of strangers; NUL is what no database takes.
            told.get(f"dead_{name}", b"")
            .decode(errors="replace")
            .replace("\0", "\N{SYMBOL FOR NULL}")
            for name in ("reason", "error", "stage")
        )
        try:
            self._ledger.fail_for_dead_letter(
                job,
                letter=entry.id,
                reason=reason,
                error=f"{stage}: {error} (dead letter {entry.id})",
                attempt=parse_attempt(entry.fields),
            )
        except NotFound:
            # Nothing may fail here: a dead letter of a dead letter would beget the next.
            log.warning("dead_letter.of_no_job", id=entry.id)
