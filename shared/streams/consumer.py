"""The consumer runtime that every stage runs on: Redis streams, delivered at least once.

A `Consumer` is one member of one group. It reads entries, gives them to a handler (a plain function
from entries to outputs), and acknowledges after the effect: in one MULTI with the outputs, so that
a hop from stream to stream is atomic. What is acknowledged is deleted, so the length of a stream is
its backlog. What can never work goes to the dead letters; what can't work now is waited for; what
a lost consumer had in hand is claimed by the others, one by one. docs/protocol.md tells it all.
"""

import contextlib
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from shared import logs, metrics
from shared.errors import InvalidInput, ShutdownRequested, Unavailable
from shared.settings import RedisSettings
from shared.streams import epitaph, redis_client, worker_registry
from shared.streams.backoff import Backoff, Heartbeat
from shared.streams.entries import Entry, Output, StreamNames
from shared.streams.lease import RENEWALS_PER_LEASE, Lease
from shared.streams.publisher import Publisher

log = logs.get(__name__)

Handler = Callable[[Sequence[Entry]], Sequence[Output]]

RECOVER_EVERY_S = 2.0
RETRY_AFTER_S = 1.0
ERROR_TEXT_CHARS = 2_000
JOB_CHARS = 20  # of what claims to be the number of one


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerRole:
    """What a consumer reads, how much at once, and whose backlog it respects."""

    stage: str
    stream: str
    group: str
    batch_size: int = 1
    downstream: str | None = None
    retain: bool = False
    """Acknowledged entries stay in the stream: for the dead letters, which are a store."""


class Consumer:
    """Runs one role until `stop` is set; any number of them may share a group."""

    def __init__(
        self,
        role: ConsumerRole,
        handle: Handler,
        settings: RedisSettings,
        stop: threading.Event,
        heartbeat: Heartbeat | None = None,
        *,
        renewals: int = RENEWALS_PER_LEASE,
        recover_every_s: float = RECOVER_EVERY_S,
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._role, self._handle, self._settings, self._stop = role, handle, settings, stop
        self._key = (role.stream, role.group)
        self._recover_every_s, self._retry_after_s = recover_every_s, retry_after_s
        self._dead = StreamNames(settings.stream_prefix).dead
        self._reader = redis_client.connect_reader(settings)
        self._redis = redis_client.connect(settings)
        self._heartbeat = heartbeat or Heartbeat()
        self._publisher = Publisher(self._redis, settings, stop, self._heartbeat)
        self._lease = Lease(
            self._redis, self._key, self.name, self._heartbeat,
            lease_s=settings.lease_s, cap_s=settings.progress_timeout_s, renewals=renewals,
        )  # fmt: skip
        self._next_look = self._next_recovery = 0.0
        self._pause = Backoff(stop)

    def run(self) -> None:
        """Consume until asked to stop; an outage of Redis is waited out."""
        log.info("consumer.started", stream=self._role.stream, consumer=self.name)
        while not self._stop.is_set():
            try:
                self._join()
                # A connection that broke may have left entries with us that we never saw.
                self._reprocess(self._lease.claim_own())
                self._consume()
            except redis_client.GroupMissing as error:
                log.warning("group.lost", stream=self._role.stream, error=str(error))
                self._wait_for_recovery()
            except Unavailable as error:
                log.warning("redis.away", stream=self._role.stream, error=str(error))
                self._wait_for_recovery()
            except ShutdownRequested:
                break
        self._release_and_deregister()
        log.info("consumer.stopped", stream=self._role.stream, consumer=self.name)

    def release(self) -> None:
        """Let others have what is in hand now, from another thread, where the handler does not end
        in time: what it still does is what any entry suffers that is delivered twice.
        """
        try:
            self._lease.release_all()
        except Unavailable as error:
            log.warning("consumer.left_to_lease", error=str(error))

    # -- reading

    def _join(self) -> None:
        """Create stream and group, from the first entry on: what came before us is ours too.
        A full Redis refuses, also where the group exists; reading on is what empties it.
        """
        try:
            with contextlib.suppress(redis_client.OutOfMemory), redis_client.redis_errors():
                self._redis.xgroup_create(*self._key, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _consume(self) -> None:
        while not self._stop.is_set():
            self._housekeep_when_due()
            if not self._downstream_has_room():
                continue
            entries = self._read()
            self._pause.reset()
            if entries:
                self._process(entries)

    def _downstream_has_room(self) -> bool:
        stream = self._role.downstream
        return not stream or self._publisher.wait_for_room(
            stream, within_s=self._settings.read_block_s
        )

    def _read(self) -> list[Entry]:
        with redis_client.redis_errors():
            reply: Any = self._reader.xreadgroup(
                self._role.group, self.name, {self._role.stream: ">"},
                count=self._role.batch_size, block=int(self._settings.read_block_s * 1000),
            )  # fmt: skip
        return [Entry(id.decode(), fields) for _, entries in reply or () for id, fields in entries]

    # -- processing

    def _process(self, entries: Sequence[Entry]) -> None:
        """Effect first, acknowledgement after. If entries fail together, each is tried alone, so
        that a bad one hurts only itself.
        """
        with self._lease.renewing([entry.id for entry in entries]):
            started = time.perf_counter()
            try:
                outputs = self._handle_through_outages(entries)
            except ShutdownRequested:
                raise
            except Exception as error:  # noqa: BLE001 - the one place that outlives any handler
                if len(entries) > 1:
                    for entry in entries:
                        self._process([entry])
                else:
                    self._handle_failure(entries[0], error)
                return
            self._settle(entries, outputs)
            metrics.record_handled(self._role.stage, len(entries), time.perf_counter() - started)

    def _handle_through_outages(self, entries: Sequence[Entry]) -> Sequence[Output]:
        pause = Backoff(self._stop, self._heartbeat)
        while True:
            self._heartbeat.beat()
            try:
                return self._handle(entries)
            except Unavailable as outage:
                log.warning("stage.paused", stage=self._role.stage, error=str(outage))
                metrics.stream_paused.labels(self._role.stage).set(1)
                pause.wait()
            finally:
                metrics.stream_paused.labels(self._role.stage).set(0)

    def _settle(self, entries: Sequence[Entry], outputs: Sequence[Output]) -> None:
        """Publish, delete and acknowledge in one MULTI: all of it happens or none. Without outputs
        there is none, for a full Redis refuses any; what is deleted only is forgotten later.
        """
        ids = [entry.id for entry in entries]
        downstream = self._role.downstream
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=bool(outputs))
            for output in outputs:
                pipe.xadd(output.stream, output.fields)
            if not self._role.retain:
                pipe.xdel(self._role.stream, *ids)
            pipe.xack(*self._key, *ids)
            if downstream:
                self._publisher.query_size(pipe, downstream)
            replies = pipe.execute()
        if downstream:
            self._publisher.record_size(downstream, *replies[-2:])

    def _handle_failure(self, entry: Entry, error: Exception) -> None:
        if not self._lease.is_ours(entry.id):
            log.warning("entry.taken_over", id=entry.id, error=str(error))
        elif isinstance(error, InvalidInput):
            self._dead_letter(entry, error.reason, str(error))
        elif entry.deliveries >= self._settings.max_deliveries:
            self._dead_letter(entry, "crash", f"{type(error).__name__}: {error}")
        else:
            log.error("entry.crashed", id=entry.id, deliveries=entry.deliveries, exc_info=error)
            metrics.stream_crashes.labels(self._role.stage).inc()
            self._lease.release(entry.id, entry.deliveries, claimable_in_s=self._retry_after_s)

    def _dead_letter(self, entry: Entry, reason: str, error: str) -> None:
        """Move the entry to the dead letters, whole, with what is known about its end."""
        error = error[:ERROR_TEXT_CHARS]
        letter = epitaph.dead_letter_fields(
            entry, reason=reason, error=error, stage=self._role.stage, stream=self._role.stream
        )
        # A dead letter that can't be handled stays as it is: its own would beget the next.
        letters = [] if self._role.retain else [Output(self._dead, letter)]
        try:
            self._settle([entry], letters)
        except redis_client.OutOfMemory:
            # Others may still be handled, which makes room for this one.
            self._lease.release(entry.id, entry.deliveries - 1, claimable_in_s=self._retry_after_s)
            return
        job = entry.fields.get(b"job", b"")[:JOB_CHARS].decode(errors="replace")
        log.error("entry.dead", id=entry.id, job=job, reason=reason, error=error)
        metrics.stream_dead_letters.labels(self._role.stage, reason).inc()

    # -- recovering

    def _reprocess(self, entries: Iterator[Entry]) -> None:
        """Handle what was delivered before, one by one."""
        for entry in entries:
            log.warning("entry.taken_up", id=entry.id, deliveries=entry.deliveries)
            if entry.deliveries > self._settings.max_deliveries:
                self._dead_letter(entry, "deliveries", f"left behind {entry.deliveries - 1} times")
            else:
                self._process([entry])
            if self._stop.is_set():
                return

    def _housekeep_when_due(self) -> None:
        """Say that we live, and see to those who no longer do."""
        now = time.monotonic()
        if now < self._next_look:
            return
        with contextlib.suppress(redis_client.OutOfMemory), redis_client.redis_errors():
            worker_registry.heartbeat(self._redis, self._role.stream, self.name)
        if now >= self._next_recovery:
            self._reprocess(self._lease.claim_expired())
        with redis_client.redis_errors():
            worker_registry.prune(self._redis, *self._key)
        in_s = self._recover_every_s * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
        self._next_look = time.monotonic() + in_s

    # -- ending

    def _wait_for_recovery(self) -> None:
        with contextlib.suppress(ShutdownRequested):
            self._pause.wait()
        # All leases have aged meanwhile: those who live get the time to renew theirs.
        self._next_recovery = time.monotonic() + self._settings.lease_s

    def _release_and_deregister(self) -> None:
        """Give back what is still in hand. Removing a consumer drops what it holds, so that the
        connection on which it might still be given something goes first.
        """
        self._reader.close()
        try:
            self._lease.release_all()
            with redis_client.redis_errors():
                self._redis.xgroup_delconsumer(*self._key, self.name)
                worker_registry.deregister(self._redis, self._role.stream, self.name)
        except Unavailable as error:
            log.warning("consumer.left_to_lease", error=str(error))
        finally:
            self._redis.close()
