"""Dead letters as the pages show them: without their payloads, in bounded numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.streams.dead_letters import PAGE as AT_ONCE
from shared.streams.dead_letters import DeadLetter, DeadLetters

MAX_SURVEYED = 1_000
"""The newest; older ones are seen when these are gone."""
MAX_BYTES = 2**27
"""Of payloads, which Redis sends whole; older letters are seen when these are gone."""
SMALL_BYTES = 2**18
"""Letters larger than this, on average, are read one by one: each may have 16 MB."""


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """What letters have in common that died of the same."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Glance:
    """A letter without its payload."""

    letter: DeadLetter
    payload_bytes: int | None

    @property
    def kind(self) -> Kind:
        return Kind(self.letter.stage, self.letter.reason)

    @property
    def died_at(self) -> datetime | None:
        """When, as the letter says; None where it says nothing of the kind."""
        try:
            at = datetime.fromisoformat(self.letter.at)
        except ValueError:
            return None
        return at.replace(tzinfo=at.tzinfo or UTC)


@dataclass(frozen=True, slots=True)
class Survey:
    """The newest letters, newest first, and how many there are in all."""

    glances: Sequence[Glance]
    count: int

    @property
    def kinds(self) -> list[tuple[Kind, int]]:
        """How many of each kind, the most frequent first."""
        return Counter(glance.kind for glance in self.glances).most_common()

    def ids(self, kind: Kind) -> list[str]:
        """Those of a kind, oldest first: they are put back in the order in which they died."""
        return [glance.letter.id for glance in reversed(self.glances) if glance.kind == kind]


def survey(letters: DeadLetters) -> Survey:
    """Look at the newest; `Outage` where Redis is away."""
    found: list[Glance] = []
    read = 0
    for page in _pages(letters):
        found += page
        read += sum(each.payload_bytes or 0 for each in page)
        if len(found) >= MAX_SURVEYED or read > MAX_BYTES:
            break
    return Survey(found[:MAX_SURVEYED], letters.count())


def _pages(letters: DeadLetters) -> Iterator[list[Glance]]:
    """As many at once as their size allows."""
    at_once, before = 1, None
    while page := letters.newest(at_once, before=before):
        before = page[-1].id
        glances = [glance(letter) for letter in page]
        size = sum(each.payload_bytes or 0 for each in glances) / len(glances)
        at_once = min(2 * at_once, AT_ONCE) if size < SMALL_BYTES else 1
        yield glances


def glance(letter: DeadLetter) -> Glance:
    """The letter without its payload."""
    payload = letter.fields.get(b"payload")
    rest = {name: value for name, value in letter.fields.items() if name != b"payload"}
    return Glance(replace(letter, fields=rest), None if payload is None else len(payload))
