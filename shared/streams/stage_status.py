"""The state of the streams as a person wants to see it: who works on what, and what waits."""

import time
from dataclasses import dataclass
from typing import Any

import redis

from shared.streams import redis_client, worker_registry
from shared.streams.entries import StreamNames
from shared.streams.lease import RELEASED


@dataclass(frozen=True, slots=True)
class StageState:
    """One stage: entries that wait in its stream, those in hand, and who has them."""

    stage: str
    stream: str
    backlog: int
    pending: int
    oldest_s: float | None
    workers: int


def stages(client: redis.Redis, streams: StreamNames) -> list[StageState]:
    """The three stages in the order of the data."""
    of = (("extractor", streams.jobs), ("aggregator", streams.raw), ("loader", streams.stats))
    return [_stage(client, stage, stream) for stage, stream in of]


def _stage(client: redis.Redis, stage: str, stream: str) -> StageState:
    with redis_client.redis_errors():
        backlog = int(client.xlen(stream))
        first: Any = client.xrange(stream, count=1)
        consumers = _consumers(client, stage, stream)
        awake = worker_registry.live(client, stream)
    oldest_s = None
    if first:
        oldest_s = max(0.0, time.time() - int(first[0][0].split(b"-")[0]) / 1000)
    return StageState(
        stage=stage,
        stream=stream,
        backlog=backlog,
        pending=sum(consumer["pending"] for consumer in consumers),
        oldest_s=oldest_s,
        # Long work keeps a consumer from saying that it is alive.
        workers=len((awake | {c["name"].decode() for c in consumers if c["pending"]}) - {RELEASED}),
    )


def _consumers(client: redis.Redis, group: str, stream: str) -> list[dict[str, Any]]:
    try:
        return list(client.xinfo_consumers(stream, group))
    except redis.ResponseError:
        return []  # nobody has read this stream yet
