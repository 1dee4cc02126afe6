"""The newest dead letters without their payloads, limited in number."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.streams.dead_letters import DeadLetter, DeadLetters

MAX_LISTED = 1_000
"""Only the newest are listed. Older ones follow when these are replayed or dropped."""

FailureGroup = tuple[str, str]
"""Dead letters that failed at the same stage for the same reason."""


@dataclass(frozen=True, slots=True)
class LetterList:
    """The newest dead letters, newest first. `count` is the number of all dead letters."""

    letters: Sequence[DeadLetter]
    count: int

    @property
    def failure_groups(self) -> list[tuple[FailureGroup, int]]:
        """The failure groups with their sizes, largest first."""
        return Counter((letter.stage, letter.reason) for letter in self.letters).most_common()

    def ids(self, group: FailureGroup) -> list[str]:
        """The IDs of a failure group, oldest first, so that a replay keeps the order."""
        return [
            letter.id for letter in reversed(self.letters) if (letter.stage, letter.reason) == group
        ]


def list_letters(letters: DeadLetters) -> LetterList:
    """Read the newest dead letters; `Unavailable` if Redis does not respond."""
    return LetterList(letters.headers(MAX_LISTED), letters.count())


def failed_at(letter: DeadLetter) -> datetime | None:
    """When the entry failed; None if the dead letter has no valid time."""
    try:
        at = datetime.fromisoformat(letter.dead_lettered_at)
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)
