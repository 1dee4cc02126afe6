"""Summaries of the newest dead letters, without their payloads and limited in number and size."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.streams.dead_letters import DeadLetter, DeadLetters

MAX_LISTED = 1_000
"""Only the newest are listed. Older ones follow when these are replayed or dropped."""


@dataclass(frozen=True, slots=True, order=True)
class FailureGroup:
    """Dead letters that failed at the same stage for the same reason."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class LetterSummary:
    """A dead letter without its payload; `payload_bytes` is None if it had none."""

    letter: DeadLetter
    payload_bytes: int | None

    @property
    def failure_group(self) -> FailureGroup:
        return FailureGroup(self.letter.stage, self.letter.reason)

    @property
    def died_at(self) -> datetime | None:
        """When the entry failed; None if the dead letter has no valid time."""
        try:
            at = datetime.fromisoformat(self.letter.dead_lettered_at)
        except ValueError:
            return None
        return at.replace(tzinfo=at.tzinfo or UTC)


@dataclass(frozen=True, slots=True)
class LetterList:
    """The newest dead letters, newest first. `count` is the number of all dead letters."""

    letters: Sequence[LetterSummary]
    count: int

    @property
    def failure_groups(self) -> list[tuple[FailureGroup, int]]:
        """The failure groups with their sizes, largest first."""
        return Counter(summary.failure_group for summary in self.letters).most_common()

    def ids(self, group: FailureGroup) -> list[str]:
        """The IDs of a failure group, oldest first, so that a replay keeps the order."""
        return [
            summary.letter.id
            for summary in reversed(self.letters)
            if summary.failure_group == group
        ]


def list_letters(letters: DeadLetters) -> LetterList:
    """Read the newest dead letters; `Unavailable` if Redis does not respond."""
    headers = letters.headers(MAX_LISTED)
    summaries = [LetterSummary(letter, letter.payload_bytes) for letter in headers]
    return LetterList(summaries, letters.count())


def summarize(letter: DeadLetter) -> LetterSummary:
    """The dead letter without its payload."""
    rest = {name: value for name, value in letter.fields.items() if name != b"payload"}
    return LetterSummary(replace(letter, fields=rest), letter.payload_bytes)
