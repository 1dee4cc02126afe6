"""The status of each stage: its backlog, its pending entries and its workers."""

import time
from dataclasses import dataclass
from typing import Any

import redis

from shared.streams import redis_client, worker_registry
from shared.streams.entries import StreamNames
from shared.streams.lease import RELEASED

# Redis sends an entry with its payload of a megabyte; a script sends the id alone.
_OLDEST_ID = """
local entry = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return entry and entry[1]
"""


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage: the entries in its stream, those of them that are being handled, and the processes
    that are alive. `oldest_s` is the age of the oldest entry.
    """

    stage: str
    stream: str
    backlog: int
    pending: int
    oldest_s: float | None
    workers: int


def stages(client: redis.Redis, streams: StreamNames) -> list[StageState]:
    """The three stages in the order in which data passes them."""
    stages = (("extractor", streams.jobs), ("aggregator", streams.raw), ("loader", streams.stats))
    return [_stage(client, stage, stream) for stage, stream in stages]


def _stage(client: redis.Redis, stage: str, stream: str) -> StageState:
    with redis_client.redis_errors():
        backlog = int(client.xlen(stream))
        oldest: Any = client.eval(_OLDEST_ID, 1, stream)
        consumers = _consumers(client, stage, stream)
        live = worker_registry.live(client, stream)
    oldest_s = None
    if oldest:
        added_ms = int(oldest.split(b"-")[0])
        oldest_s = max(0.0, time.time() - added_ms / 1000)
    return StageState(
        stage=stage,
        stream=stream,
        backlog=backlog,
        pending=sum(consumer["pending"] for consumer in consumers),
        oldest_s=oldest_s,
        # A consumer sends no heartbeat while it handles entries.
        workers=_processes(live | {c["name"].decode() for c in consumers if c["pending"]}),
    )


def _processes(consumers: set[str]) -> int:
    """The number of processes; their consumers have names such as `host-pid-1f2e3d`."""
    return len({name.rpartition("-")[0] for name in consumers - {RELEASED}})


def _consumers(client: redis.Redis, group: str, stream: str) -> list[dict[str, Any]]:
    try:
        return list(client.xinfo_consumers(stream, group))
    except redis.ResponseError:
        return []  # no consumer has read this stream yet
