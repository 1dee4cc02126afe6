"""The status of each stage: its backlog, its pending entries and its workers."""

from dataclasses import dataclass
from typing import Any

import redis

from shared.streams import redis_client, worker_registry
from shared.streams.entries import StreamNames

# Redis sends an entry with its payload of a megabyte; a script sends the id alone. The time is that
# of the same server, because the id has its time.
_OLDEST_ID = """
local entry = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return entry and {entry[1], redis.call('TIME')}
"""


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage: the entries in its stream, those of them that are being handled, and the processes
    that are alive. `oldest_s` is the age of the oldest entry: 0 if the clock of Redis went back
    since it was added.
    """

    stage: str
    stream: str
    backlog: int
    pending: int
    oldest_s: float | None
    workers: int


def stages(client: redis.Redis, streams: StreamNames, *, with_age: bool = True) -> list[StageState]:
    """The three stages in the order in which data passes them. The age needs a script, which the
    users of the pipeline's services may not run.
    """
    stages = (("extractor", streams.jobs), ("aggregator", streams.raw), ("loader", streams.stats))
    return [_stage(client, stage, stream, with_age) for stage, stream in stages]


def _stage(client: redis.Redis, stage: str, stream: str, with_age: bool) -> StageState:
    with redis_client.redis_errors():
        backlog = int(client.xlen(stream))
        oldest: Any = client.eval(_OLDEST_ID, 1, stream) if with_age else None
        consumers = _consumers(client, stage, stream)
        live = worker_registry.live(client, stream)
    oldest_s = None
    if oldest:
        id, (seconds, microseconds) = oldest
        now_ms = int(seconds) * 1000 + int(microseconds) / 1000
        oldest_s = max(0.0, now_ms - int(id.split(b"-")[0])) / 1000
    return StageState(
        stage=stage,
        stream=stream,
        backlog=backlog,
        pending=sum(consumer["pending"] for consumer in consumers),
        oldest_s=oldest_s,
        workers=_processes(live),
    )


def _processes(consumers: set[str]) -> int:
    """The number of processes; their consumers have names such as `host-pid-1f2e3d`."""
    return len({name.rpartition("-")[0] for name in consumers})


def _consumers(client: redis.Redis, group: str, stream: str) -> list[dict[str, Any]]:
    try:
        return list(client.xinfo_consumers(stream, group))
    except redis.ResponseError:
        return []  # no consumer has read this stream yet
