"""Publishing with backpressure: a writer waits while its stream is full."""

import math
import threading
import time
from collections.abc import Iterable

import redis
from redis.client import Pipeline

from shared import metrics
from shared.errors import ShutdownRequested
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.backoff import Heartbeat
from shared.streams.entries import Output
from shared.streams.waits import ROOM

POLL_MIN_S, POLL_MAX_S = 0.005, 0.2


class Publisher:
    """Adds entries to streams of bounded length. It never trims a stream, because trimming would
    delete entries that no consumer has read.
    """

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
        self._had_room: dict[str, bool] = {}

    def publish(self, output: Output) -> None:
        """Add one entry as soon as its stream has room. Raises `ShutdownRequested` at shutdown and
        `Unavailable` while Redis can't take it.
        """
        self.wait_for_room(output.stream)
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.xadd(output.stream, output.fields)
            self.query_size(pipe, output.stream)
            _, *size = pipe.execute()
        self.record_size(output.stream, *size)

    def add(self, outputs: Iterable[Output]) -> None:
        """Add entries without waiting for room: a consumer that waits for room in the stream that
        it reads waits forever. A retry after a lost reply adds them twice, which consumers expect.
        Raises `Unavailable` while Redis can't take them.
        """
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            for output in outputs:
                pipe.xadd(output.stream, output.fields)
            pipe.execute()

    def wait_for_room(self, stream: str, *, within_s: float = math.inf) -> bool:
        """Wait until the stream has room for one more entry; False if it has none `within_s`."""
        if self._had_room.pop(stream, False):
            return True
        deadline, poll_s = time.monotonic() + within_s, POLL_MIN_S
        self._heartbeat.beat()
        while not self._check(stream):
            metrics.stream_full.labels(stream).set(1)
            self._heartbeat.begin_wait(ROOM)
            if time.monotonic() > deadline:
                return False
            if self._stop.wait(poll_s):
                raise ShutdownRequested(f"stopped while {stream} was full")
            poll_s = min(poll_s * 2, POLL_MAX_S)
        if (wait := self._heartbeat.wait) and wait.waits_for == ROOM:  # that for a server goes on
            self._heartbeat.end_wait()
        metrics.stream_full.labels(stream).set(0)
        return True

    def query_size(self, pipe: Pipeline, stream: str) -> None:
        """Add the queries for `record_size` to a pipeline that is sent anyway."""
        pipe.xlen(stream)
        pipe.memory_usage(stream)

    def record_size(self, stream: str, entries: int, size: int | None) -> None:
        """Remember whether the stream has room, so that the next entry needs no query."""
        has_room = self._had_room[stream] = self._has_room(stream, entries, size)
        if has_room:
            metrics.stream_full.labels(stream).set(0)

    def _check(self, stream: str) -> bool:
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            self.query_size(pipe, stream)
            return self._has_room(stream, *pipe.execute())

    def _has_room(self, stream: str, entries: int, size: int | None) -> bool:
        metrics.stream_backlog.labels(stream).set(entries)
        return entries < self._max_entries and (size or 0) < self._max_bytes
