"""What a person does with dead letters: put back or removed, and always written down first."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import NotFound
from shared.ledger.audit_log import AuditLog
from shared.ledger.ledger import Ledger
from shared.streams.dead_letters import DeadLetter, DeadLetters


@dataclass(frozen=True, slots=True)
class DeadLetterActions:
    """The letters, the jobs that they may open again, and the book of what was done by whom."""

    letters: DeadLetters
    ledger: Ledger
    audit: AuditLog

    def replay(self, letter: DeadLetter, *, actor: str | None = None) -> str | None:
        """Put a letter back on its stream and open its job again; returns what is odd about that.
        `Conflict` if it came from none of our streams: then nothing is done.
        """
        self.letters.require_replayable(letter)
        self.audit.record("replay", [letter], actor=actor)
        odd = self._reopen(letter)
        self.letters.replay(letter)
        return odd

    def drop(self, letters: Sequence[DeadLetter], *, actor: str | None = None) -> None:
        """Remove letters for good; their jobs stay as they are."""
        self.audit.record("drop", letters, actor=actor)
        self.letters.drop(letters)

    def _reopen(self, letter: DeadLetter) -> str | None:
        if letter.job is None:
            return None
        try:
            if self.ledger.job(letter.job).state in ("failed", "cancelled"):
                self.ledger.reopen(letter.job)
        except NotFound as why:
            return str(why)
        return None
