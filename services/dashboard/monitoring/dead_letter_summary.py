"""Dead letters as the pages show them: without their payloads, in bounded numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.streams.dead_letters import PAGE as AT_ONCE
from shared.streams.dead_letters import DeadLetter, DeadLetters

MAX_LISTED = 1_000
"""The newest; older ones are seen when these are gone."""
MAX_BYTES = 2**27
"""Of payloads, which Redis sends whole; older letters are seen when these are gone."""
SMALL_BYTES = 2**18
"""Letters larger than this, on average, are read one by one: each may have 16 MB."""


@dataclass(frozen=True, slots=True, order=True)
class FailureGroup:
    """What letters have in common that died of the same."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class LetterSummary:
    """A letter without its payload."""

    letter: DeadLetter
    payload_bytes: int | None

    @property
    def failure_group(self) -> FailureGroup:
        return FailureGroup(self.letter.stage, self.letter.reason)

    @property
    def died_at(self) -> datetime | None:
        """When, as the letter says; None where it says nothing of the kind."""
        try:
            at = datetime.fromisoformat(self.letter.died_at)
        except ValueError:
            return None
        return at.replace(tzinfo=at.tzinfo or UTC)


@dataclass(frozen=True, slots=True)
class LetterList:
    """The newest letters, newest first, and how many there are in all."""

    letters: Sequence[LetterSummary]
    count: int

    @property
    def failure_groups(self) -> list[tuple[FailureGroup, int]]:
        """How many of each kind, the most frequent first."""
        return Counter(glance.failure_group for glance in self.letters).most_common()

    def ids(self, kind: FailureGroup) -> list[str]:
        """Those of a kind, oldest first: they are put back in the order in which they died."""
        return [
            glance.letter.id for glance in reversed(self.letters) if glance.failure_group == kind
        ]


def list_letters(letters: DeadLetters) -> LetterList:
    """Look at the newest; `Outage` where Redis is away."""
    found: list[LetterSummary] = []
    read = 0
    for page in _pages(letters):
        found += page
        read += sum(each.payload_bytes or 0 for each in page)
        if len(found) >= MAX_LISTED or read > MAX_BYTES:
            break
    return LetterList(found[:MAX_LISTED], letters.count())


def _pages(letters: DeadLetters) -> Iterator[list[LetterSummary]]:
    """As many at once as their size allows."""
    at_once, before = 1, None
    while page := letters.newest(at_once, before=before):
        before = page[-1].id
        glances = [summarize(letter) for letter in page]
        size = sum(each.payload_bytes or 0 for each in glances) / len(glances)
        at_once = min(2 * at_once, AT_ONCE) if size < SMALL_BYTES else 1
        yield glances


def summarize(letter: DeadLetter) -> LetterSummary:
    """The letter without its payload."""
    payload = letter.fields.get(b"payload")
    rest = {name: value for name, value in letter.fields.items() if name != b"payload"}
    return LetterSummary(replace(letter, fields=rest), None if payload is None else len(payload))
