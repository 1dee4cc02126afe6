"""The actions on dead letters: replay and drop. Each is recorded in the audit log first."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from shared.domain.actor import Actor
from shared.domain.job import RETRYABLE_STATES
from shared.domain.ledger_identity import LedgerIdentity
from shared.errors import Conflict, NotFound
from shared.ledger.audit_log import AuditLog
from shared.ledger.ledger import Ledger
from shared.streams.dead_letters import DeadLetter, DeadLetters


@dataclass(frozen=True, slots=True)
class DeadLetterActions:
    """Acts on the letters, their jobs and the audit log together. All actions raise
    `ConfigurationError`, and do nothing, if the streams belong to another ledger.
    """

    letters: DeadLetters
    ledger: Ledger
    audit: AuditLog

    def replay(self, letter: DeadLetter, *, by: Actor) -> str | None:
        """Put a letter back on its stream and reopen its job. Returns a warning if the job does not
        exist. Raises `Conflict`, and does nothing, if the letter names none of our streams, or if
        no worker would take its entry.
        """
        self.letters.require_replayable(letter)
        ledger = self._require_owner()
        self._require_wanted(letter, ledger)
        self.audit.record("replay", [letter], by=by)
        warning = self._reopen(letter)
        self.letters.replay(letter)
        return warning

    def drop(self, letters: Sequence[DeadLetter], *, by: Actor) -> None:
        """Remove letters permanently; their jobs are not changed."""
        self._require_owner()
        self.audit.record("drop", letters, by=by)
        self.letters.drop(letters)

    def _require_owner(self) -> LedgerIdentity:
        identity = self.ledger.identity()
        self.letters.require_owner(identity)
        return identity

    def _require_wanted(self, letter: DeadLetter, ledger: LedgerIdentity) -> None:
        if letter.ledger not in (None, ledger.current):
            raise Conflict(f"{letter.id} is of another ledger: drop it")
        if letter.job is None:
            return
        with suppress(NotFound):
            job = self.ledger.job(letter.job)
            if job.pruned_at:
                raise Conflict(
                    f"job {job.id} was pruned on {job.pruned_at:%Y-%m-%d}, so it cannot go on: "
                    f"drop {letter.id}"
                )
            if letter.attempt not in (None, job.attempt):
                raise Conflict(
                    f"{letter.id} is of attempt {letter.attempt} at job {job.id}, which was "
                    "retried since then: drop it"
                )

    def _reopen(self, letter: DeadLetter) -> str | None:
        if letter.job is None:
            return None
        try:
            if self.ledger.job(letter.job).state in RETRYABLE_STATES:
                self.ledger.reopen(letter.job)
        except NotFound as error:
            return str(error)
        return None
