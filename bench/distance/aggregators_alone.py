"""The aggregators without the other services: how fast they empty a full stream."""

import time
from collections.abc import Mapping
from typing import Any

import redis

from bench.harness import Harness
from shared.settings import RedisSettings
from shared.streams.entries import StreamNames

COPIES = 4
"""Of each raw batch, so that many aggregators have enough work."""
POLL_S = 0.005
STREAMS = StreamNames(RedisSettings.model_fields["stream_prefix"].default)

RawBatches = list[Mapping[Any, Any]]


def collect(harness: Harness, request: Mapping[str, Any]) -> RawBatches:
    """The raw batches of a job, which is then forgotten. No aggregator and no loader runs
    afterwards.
    """
    for service in ("aggregator", "loader"):
        harness.stack.scale(service, 0)
    harness.submit(request)
    batches: RawBatches = []
    # The extractor deletes the entry of a job after it has published the last raw batch.
    while harness.redis.xlen(STREAMS.jobs) or harness.redis.xlen(STREAMS.raw):
        entries: Any = harness.redis.xrange(STREAMS.raw)
        for entry_id, fields in entries:
            batches.append(fields)
            harness.redis.xdel(STREAMS.raw, entry_id)
        time.sleep(POLL_S)
    harness.empty()
    return batches


def aggregate(client: redis.Redis, batches: RawBatches, *, copies: int = COPIES) -> None:
    """Put the batches on the stream and return when the aggregators have emptied it. Their results
    are deleted.
    """
    pipe = client.pipeline(transaction=False)
    for _ in range(copies):
        for fields in batches:
            pipe.xadd(STREAMS.raw, dict(fields))
    pipe.execute()
    while client.xlen(STREAMS.raw):
        client.xtrim(STREAMS.stats, maxlen=0, approximate=False)
        time.sleep(POLL_S)
    client.xtrim(STREAMS.stats, maxlen=0, approximate=False)
