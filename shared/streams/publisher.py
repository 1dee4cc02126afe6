"""Adding entries to a stream that must not grow without bound."""

import math
import threading
import time

import redis
from redis.client import Pipeline

from shared import metrics
from shared.errors import ShutdownRequested
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.backoff import Heartbeat
from shared.streams.entries import Output

POLL_MIN_S, POLL_MAX_S = 0.005, 0.2


class Publisher:
    """Waits while a stream is at its bound: trimming it would delete what nobody has read yet."""

    def __init__(
        self,
        client: redis.Redis,
        settings: RedisSettings,
        stop: threading.Event,
        heartbeat: Heartbeat,
    ) -> None:
        self._redis = client
        self._max_entries = settings.max_backlog
        self._max_bytes = settings.max_backlog_mb * 2**20
        self._stop, self._heartbeat = stop, heartbeat
        self._roomy: dict[str, bool] = {}

    def publish(self, output: Output) -> None:
        """Add one entry as soon as there is room. Raises `Stopped` at shutdown, else as `add`."""
        self.wait_for_room(output.stream)
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.xadd(output.stream, output.fields)
            self.query_size(pipe, output.stream)
            _, *answer = pipe.execute()
        self.record_size(output.stream, *answer)

    def add(self, output: Output) -> None:
        """Add one entry at once: a consumer that waited for room in the stream that it reads would
        wait for itself. Trying again after a lost reply adds it twice: consumers expect that.
        Raises `Outage` while Redis can't take it.
        """
        with redis_client.redis_errors():
            self._redis.xadd(output.stream, output.fields)

    def wait_for_room(self, stream: str, *, within_s: float = math.inf) -> bool:
        """Return when the stream is shorter than its bound, or False if it does not get so."""
        if self._roomy.pop(stream, False):
            return True
        until, poll_s = time.monotonic() + within_s, POLL_MIN_S
        while not self._check(stream):
            metrics.stage_waiting.labels(stream).set(1)
            if time.monotonic() > until:
                return False
            self._heartbeat.beat()
            if self._stop.wait(poll_s):
                raise ShutdownRequested(f"stopped while {stream} was full")
            poll_s = min(poll_s * 2, POLL_MAX_S)
        metrics.stage_waiting.labels(stream).set(0)
        return True

    def query_size(self, pipe: Pipeline, stream: str) -> None:
        """Ask for what `note` wants to know in a pipeline that goes to Redis anyway."""
        pipe.xlen(stream)
        pipe.memory_usage(stream)

    def record_size(self, stream: str, entries: int, size: int | None) -> None:
        """Keep in mind whether there is room for one more entry, which saves asking once."""
        roomy = self._roomy[stream] = self._has_room(stream, entries, size)
        if roomy:
            metrics.stage_waiting.labels(stream).set(0)

    def _check(self, stream: str) -> bool:
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            self.query_size(pipe, stream)
            return self._has_room(stream, *pipe.execute())

    def _has_room(self, stream: str, entries: int, size: int | None) -> bool:
        metrics.stage_backlog.labels(stream).set(entries)
        return entries < self._max_entries and (size or 0) < self._max_bytes
