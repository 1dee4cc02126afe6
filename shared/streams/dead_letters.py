"""The dead letters: entries that could not be handled, whole, with what is known of their end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import redis

from shared.errors import Conflict, NotFound
from shared.streams import redis_client
from shared.streams.entries import StreamNames, parse_job_id, parse_whole_number
from shared.streams.epitaph import DEAD_PREFIX

PAGE = 20
FIRST = "0-0"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter; `fields` are those of the entry as it was on `stream`."""

    id: str
    reason: str
    error: str
    stage: str
    stream: str
    entry_id: str
    deliveries: int
    died_at: str
    fields: dict[Any, bytes]

    @classmethod
    def from_entry(cls, id: bytes, fields: Mapping[bytes, bytes]) -> Self:
        told = {k.decode(errors="replace"): v for k, v in fields.items()}
        known = {
            name: told.get(f"{DEAD_PREFIX}{name}", b"").decode(errors="replace")
            for name in ("reason", "error", "stage", "stream", "id", "deliveries", "at")
        }
        deliveries = known.pop("deliveries")
        return cls(
            id=id.decode(),
            entry_id=known.pop("id"),
            died_at=known.pop("at"),
            deliveries=parse_whole_number(deliveries.encode()) or 0,
            fields={k: v for k, v in fields.items() if not k.startswith(DEAD_PREFIX.encode())},
            **known,
        )

    @property
    def job(self) -> int | None:
        """The number of the job it belongs to, if it names one."""
        return parse_job_id(self.fields)


class DeadLetters:
    """The stream `minuano:dead`, as a person deals with it."""

    def __init__(self, client: redis.Redis, streams: StreamNames) -> None:
        self._redis, self._stream = client, streams.dead
        self._sources = (streams.jobs, streams.raw, streams.stats)

    def newest(self, limit: int, *, before: str | None = None) -> list[DeadLetter]:
        """The newest ones first; with `before`, of those that are older than this one."""
        if before == FIRST:
            return []  # nothing can be older, and Redis takes that for a mistake
        last = f"({before}" if before else "+"
        with redis_client.redis_errors():
            entries: Any = self._redis.xrevrange(self._stream, last, count=limit)
        return [DeadLetter.from_entry(id, fields) for id, fields in entries]

    def pages(self) -> Iterator[list[DeadLetter]]:
        """Those that are there now, oldest first; a page of them in memory at a time."""
        with redis_client.redis_errors():
            last: Any = self._redis.xrevrange(self._stream, count=1)
        after = "-"
        while last:
            with redis_client.redis_errors():
                page: Any = self._redis.xrange(self._stream, after, last[0][0], PAGE)
            if page:
                yield [DeadLetter.from_entry(id, fields) for id, fields in page]
            if len(page) < PAGE:
                return
            after = f"({page[-1][0].decode()}"

    def count(self) -> int:
        with redis_client.redis_errors():
            return int(self._redis.xlen(self._stream))

    def letter(self, id: str) -> DeadLetter:
        """One of them; `NotFound` if there is none."""
        try:
            with redis_client.redis_errors():
                entries: Any = self._redis.xrange(self._stream, id, id)
        except redis.ResponseError:
            entries = []
        if not entries:
            raise NotFound(f"there is no dead letter {id}")
        return DeadLetter.from_entry(*entries[0])

    def require_replayable(self, letter: DeadLetter) -> None:
        """`Conflict` if it came from none of our streams."""
        if letter.stream not in self._sources or not letter.fields:
            raise Conflict(f"{letter.id} came from no stream of this pipeline: drop it")

    def replay(self, letter: DeadLetter) -> None:
        """Put the entry back on its stream, as it was; `Conflict` if it came from none of ours."""
        self.require_replayable(letter)
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.xadd(letter.stream, {**letter.fields})
            pipe.xdel(self._stream, letter.id)
            pipe.execute()

    def drop(self, letters: Sequence[DeadLetter]) -> None:
        """Remove them for good."""
        with redis_client.redis_errors():
            self._redis.xdel(self._stream, *(letter.id for letter in letters))
