"""Dead letters: complete entries that could not be handled, with the reason and the error."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import redis

from shared.domain.ledger_identity import LedgerIdentity
from shared.errors import Conflict, NotFound
from shared.streams import redis_client
from shared.streams.entries import (
    Entry,
    StreamNames,
    parse_attempt,
    parse_job_id,
    parse_ledger,
    parse_whole_number,
)
from shared.streams.ownership import Ownership

DEAD_PREFIX = "dead_"
DEAD_FIELDS = ("reason", "error", "stage", "stream", "id", "deliveries", "at")
PAGE = 20
OLD_PAGE = 4  # a service reads these; each has a payload of up to 16 MB
FIRST = "0-0"

HEADER_FIELDS = ("job", *(f"{DEAD_PREFIX}{name}" for name in DEAD_FIELDS))
MAX_HEADER_FIELD_BYTES = 8_000
"""An error has at most 2,000 characters of up to 4 bytes. A letter added by hand can have more."""
HEADER_PAGE = 100
HEADER_PAGE_BYTES = 2**25
"""Redis executes no other command while a script runs. It reads 32 MB in about 15 ms."""
MAX_READ_BYTES = 2**30

# Reads letters from ARGV[1] back to older ones: ARGV[2] letters, or fewer once it has read ARGV[3]
# bytes. Of each letter it returns the id, the fields that ARGV[5] and the arguments after it name
# (the first ARGV[4] bytes of each), and the size of the payload (-1 without one).
_READ_HEADERS = """
local is_header, letters, before, bytes = {}, {}, ARGV[1], 0
for n = 5, #ARGV do is_header[ARGV[n]] = true end
while #letters < tonumber(ARGV[2]) and bytes < tonumber(ARGV[3]) do
    local entry = redis.call('XREVRANGE', KEYS[1], before, '-', 'COUNT', 1)[1]
    if not entry then break end
    local header, payload_bytes = {}, -1
    for n = 1, #entry[2], 2 do
        local name, value = entry[2][n], entry[2][n + 1]
        bytes = bytes + #name + #value
        if name == 'payload' then payload_bytes = #value end
        if is_header[name] then
            header[#header + 1] = name
            header[#header + 1] = string.sub(value, 1, tonumber(ARGV[4]))
        end
    end
    letters[#letters + 1] = {entry[1], header, payload_bytes}
    before = '(' .. entry[1]
end
return {letters, bytes}
"""


def dead_letter_fields(
    entry: Entry, *, reason: str, error: str, stage: str, stream: str
) -> dict[Any, Any]:
    """The fields of the dead letter of an entry: those of the entry, then the `dead_` fields. If a
    name occurs twice the last field counts, so an entry cannot set its own `dead_` fields.
    """
    values = (
        reason, error, stage, stream, entry.id, entry.deliveries,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    names = (f"{DEAD_PREFIX}{name}" for name in DEAD_FIELDS)
    return {**entry.fields, **dict(zip(names, values, strict=True))}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter. `fields` are the fields of the entry as it was on `stream`."""

    id: str
    reason: str
    error: str
    stage: str
    stream: str
    entry_id: str
    deliveries: int
    dead_lettered_at: str
    fields: dict[Any, bytes]
    payload_bytes: int | None = None

    @classmethod
    def from_entry(cls, id: bytes, fields: Mapping[bytes, bytes]) -> Self:
        texts = {
            name: fields.get(f"{DEAD_PREFIX}{name}".encode(), b"").decode(errors="replace")
            for name in DEAD_FIELDS
        }
        payload = fields.get(b"payload")
        return cls(
            id=id.decode(),
            entry_id=texts.pop("id"),
            dead_lettered_at=texts.pop("at"),
            deliveries=parse_whole_number(texts.pop("deliveries").encode()) or 0,
            fields={k: v for k, v in fields.items() if not k.startswith(DEAD_PREFIX.encode())},
            payload_bytes=None if payload is None else len(payload),
            **texts,
        )

    @property
    def job(self) -> int | None:
        """The job that the entry belongs to; None if the entry names none."""
        return parse_job_id(self.fields)

    @property
    def ledger(self) -> str | None:
        """The ledger that the entry belongs to; None if the entry names none."""
        return parse_ledger(self.fields)

    @property
    def attempt(self) -> int | None:
        """The attempt that the entry belongs to; None if the entry names none."""
        return parse_attempt(self.fields)


class DeadLetters:
    """The stream of dead letters, for a person who lists, replays or drops them."""

    def __init__(self, client: redis.Redis, streams: StreamNames) -> None:
        self._redis, self._streams, self._stream = client, streams, streams.dead
        self._sources = (streams.jobs, streams.raw, streams.stats)

    def newest(self, limit: int, *, before: str | None = None) -> list[DeadLetter]:
        """The newest letters, newest first; with `before`, only those older than that id."""
        if before == FIRST:
            return []  # no id is lower, and Redis answers with an error
        last = f"({before}" if before else "+"
        with redis_client.redis_errors():
            entries: Any = self._redis.xrevrange(self._stream, last, count=limit)
        return [DeadLetter.from_entry(id, fields) for id, fields in entries]

    def headers(
        self,
        limit: int,
        *,
        page_letters: int = HEADER_PAGE,
        page_bytes: int = HEADER_PAGE_BYTES,
        max_bytes: int = MAX_READ_BYTES,
    ) -> list[DeadLetter]:
        """The newest letters, newest first, without their payloads: `fields` has the job only.

        A script reads the letters inside Redis, so Redis does not send their payloads. One call
        reads at most `page_letters`, and no more once it has read `page_bytes`; after `max_bytes`
        there is no further call, and older letters are left out.
        """
        letters: list[DeadLetter] = []
        before, read_bytes = "+", 0
        while len(letters) < limit and read_bytes < max_bytes:
            count = min(page_letters, limit - len(letters))
            with redis_client.redis_errors():
                reply: Any = self._redis.eval(
                    _READ_HEADERS, 1, self._stream,
                    before, count, page_bytes, MAX_HEADER_FIELD_BYTES, *HEADER_FIELDS,
                )  # fmt: skip
            page, bytes_of_page = reply
            if not page:
                break
            letters += [_header(*letter) for letter in page]
            before, read_bytes = f"({letters[-1].id}", read_bytes + bytes_of_page
        return letters

    def pages(self) -> Iterator[list[DeadLetter]]:
        """All letters that exist now, oldest first. Memory holds one page of them at a time."""
        with redis_client.redis_errors():
            last: Any = self._redis.xrevrange(self._stream, count=1)
        if last:
            yield from self._pages(last[0][0], PAGE)

    def older_than(self, age: timedelta) -> Iterator[list[DeadLetter]]:
        """The letters that are older, by the clock of Redis, oldest first and few at a time."""
        with redis_client.redis_errors():
            seconds: int = self._redis.time()[0]
        last_ms = max(0, seconds - round(age.total_seconds())) * 1000
        yield from self._pages(str(last_ms), OLD_PAGE)

    def _pages(self, last: str | bytes, letters: int) -> Iterator[list[DeadLetter]]:
        """The letters up to the id `last`, so many on a page."""
        after = "-"
        while True:
            with redis_client.redis_errors():
                page: Any = self._redis.xrange(self._stream, after, last, letters)
            if page:
                yield [DeadLetter.from_entry(id, fields) for id, fields in page]
            if len(page) < letters:
                return
            after = f"({page[-1][0].decode()}"

    def count(self) -> int:
        with redis_client.redis_errors():
            return int(self._redis.xlen(self._stream))

    def letter(self, id: str) -> DeadLetter:
        """One letter; `NotFound` if it does not exist."""
        try:
            with redis_client.redis_errors():
                entries: Any = self._redis.xrange(self._stream, id, id)
        except redis.ResponseError:
            entries = []
        if not entries:
            raise NotFound(f"there is no dead letter {id}")
        return DeadLetter.from_entry(*entries[0])

    def require_owner(self, ledger: LedgerIdentity) -> None:
        """Raise `ConfigurationError` or `Unavailable` if the letters are of another ledger."""
        Ownership(self._redis, self._streams, lambda: ledger).check(ledger)

    def require_replayable(self, letter: DeadLetter) -> None:
        """Raise `Conflict` if the letter names none of our streams."""
        if letter.stream not in self._sources or not letter.fields:
            raise Conflict(f"{letter.id} came from no stream of this pipeline: drop it")

    def replay(self, letter: DeadLetter) -> None:
        """Put the entry back on its stream as it was, and remove the letter, both in one MULTI."""
        self.require_replayable(letter)
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.xadd(letter.stream, {**letter.fields})
            pipe.xdel(self._stream, letter.id)
            pipe.execute()

    def drop(self, letters: Sequence[DeadLetter]) -> None:
        """Remove the letters permanently."""
        with redis_client.redis_errors():
            self._redis.xdel(self._stream, *(letter.id for letter in letters))


def _header(id: bytes, pairs: Sequence[bytes], payload_bytes: int) -> DeadLetter:
    letter = DeadLetter.from_entry(id, dict(zip(pairs[::2], pairs[1::2], strict=True)))
    return replace(letter, payload_bytes=None if payload_bytes < 0 else payload_bytes)
