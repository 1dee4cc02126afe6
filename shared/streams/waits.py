"""What consumers wait for, as they record it in Redis: one sorted set, a member for each waiting
consumer, by the time of its last renewal. The users of the services need no more commands for it.

A record is written only while its consumer waits, again every few seconds, so one that was not
renewed for `RECORD_EXPIRES_S` was left by a process that is gone. Times are those of Redis, because
clocks of hosts differ. A difference is read without its sign: the clock of Redis can go back.
"""

from typing import Any

import redis
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Unavailable
from shared.streams import redis_client
from shared.streams.entries import StreamNames

RECORD_EXPIRES_S = 15.0
MAX_RECORD_JOBS = 100
MAX_RECORD_ERROR_CHARS = 500
MAX_NAME_CHARS = 50
MAX_MS = 10**14
"""In the year 5138; any program may have written a record."""

ROOM = "room"
"""The next stream is full."""
HANDLER = "handler"
"""No server is known to be unavailable, but the handler makes no progress."""
BUSY = "busy"
"""Another worker works on what the entries need; they were set aside."""
SERVERS = {"Redis": "Redis", "PostgreSQL": "the target", "connector": "the connector"}
"""The server that a stage waits for, by the first word of the error. Stages know no other
PostgreSQL than the target.
"""


class WaitRecord(BaseModel):
    """The wait of one consumer. `jobs` are those of the entries that it holds, some of them if
    they are very many. `waits_for` is a server, `ROOM`, `HANDLER` or `BUSY`. Milliseconds by the
    clock of Redis.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    consumer: str
    stage: str = Field(max_length=MAX_NAME_CHARS)
    jobs: tuple[int, ...] = Field(max_length=MAX_RECORD_JOBS)
    waits_for: str = Field(max_length=MAX_NAME_CHARS)
    error: str = Field(max_length=MAX_RECORD_ERROR_CHARS)
    tries: int
    since_ms: int = Field(ge=0, le=MAX_MS)
    last_ms: int


def server_of(outage: Unavailable) -> str:
    """The server that is unavailable."""
    first_word = str(outage).partition(" ")[0].rstrip(":")
    return SERVERS.get(first_word, "a server")


def now_ms(client: redis.Redis) -> int:
    """The clock of Redis."""
    with redis_client.redis_errors():
        seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def write(
    client: redis.Redis, streams: StreamNames, record: WaitRecord, *, replaces: str | None = None
) -> str:
    """Record a wait, or renew the record written as `replaces`; return what was written."""
    text = record.model_dump_json()
    with redis_client.redis_errors():
        pipe = client.pipeline(transaction=True)
        if replaces is not None:
            pipe.zrem(streams.waits, replaces)
        pipe.zadd(streams.waits, {text: record.last_ms})
        pipe.execute()
    return text


def delete(client: redis.Redis, streams: StreamNames, *texts: str | bytes) -> None:
    """Delete records as they were written."""
    with redis_client.redis_errors():
        client.zrem(streams.waits, *texts)


def delete_expired(client: redis.Redis, streams: StreamNames) -> None:
    """Delete the records of consumers that are gone, so that they do not pile up."""
    texts, now = _read(client, streams), now_ms(client)
    if expired := [text for text in texts if _current(text, now) is None]:
        delete(client, streams, *expired)


def read(client: redis.Redis, streams: StreamNames) -> list[WaitRecord]:
    """The waits that go on now, the longest first."""
    if not (texts := _read(client, streams)):
        return []
    now = now_ms(client)
    records = [record for text in texts if (record := _current(text, now))]
    return sorted(records, key=lambda record: record.since_ms)


def _read(client: redis.Redis, streams: StreamNames) -> list[bytes]:
    with redis_client.redis_errors():
        texts: Any = client.zrangebyscore(streams.waits, "-inf", "+inf")
    return list(texts)


def _current(text: bytes, now: int) -> WaitRecord | None:
    """The record; None if it has expired, or if it is none: any program may have written it."""
    try:
        record = WaitRecord.model_validate_json(text)
    except ValidationError:
        return None
    return record if abs(now - record.last_ms) < RECORD_EXPIRES_S * 1000 else None
