"""Summaries of the newest dead letters, without their payloads and limited in number and size."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.streams.dead_letters import PAGE as MAX_PAGE
from shared.streams.dead_letters import DeadLetter, DeadLetters

MAX_LISTED = 1_000
"""Only the newest are listed. Older ones follow when these are replayed or dropped."""
MAX_BYTES = 2**27
"""Limit for the payloads that one listing reads: Redis can only send whole entries."""
SMALL_BYTES = 2**18
"""Dead letters with a larger mean payload are read one at a time: an entry can have 16 MB."""


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
            at = datetime.fromisoformat(self.letter.died_at)
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
    summaries: list[LetterSummary] = []
    read_bytes = 0
    for page in _pages(letters):
        summaries += page
        read_bytes += _payload_bytes(page)
        if len(summaries) >= MAX_LISTED or read_bytes > MAX_BYTES:
            break
    return LetterList(summaries[:MAX_LISTED], letters.count())


def summarize(letter: DeadLetter) -> LetterSummary:
    """The dead letter without its payload."""
    payload = letter.fields.get(b"payload")
    rest = {name: value for name, value in letter.fields.items() if name != b"payload"}
    return LetterSummary(replace(letter, fields=rest), None if payload is None else len(payload))


def _pages(letters: DeadLetters) -> Iterator[list[LetterSummary]]:
    """Pages that grow while the payloads are small."""
    limit, before = 1, None
    while page := letters.newest(limit, before=before):
        before = page[-1].id
        summaries = [summarize(letter) for letter in page]
        is_small = _payload_bytes(summaries) / len(summaries) < SMALL_BYTES
        limit = min(2 * limit, MAX_PAGE) if is_small else 1
        yield summaries


def _payload_bytes(summaries: Sequence[LetterSummary]) -> int:
    return sum(summary.payload_bytes or 0 for summary in summaries)
