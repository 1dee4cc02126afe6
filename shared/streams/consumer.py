"""The consumer that every stage runs: it reads a Redis stream with at-least-once delivery.

A `Consumer` is one member of one consumer group. It reads entries, calls a handler (a plain
function from entries to outputs), and acknowledges the entries after the handler has succeeded.

- Outputs, deletion and acknowledgement go into one MULTI, so a hop from stream to stream is atomic.
- An acknowledged entry is deleted, so the length of a stream is its backlog.
- An entry that can never be handled (`InvalidInput`) becomes a dead letter. If it has many slices
  it is divided first, so that only the bad slice becomes one.
- While something is unavailable (`Unavailable`), the consumer waits and retries the same entries.
- Entries of a lost consumer are claimed one by one by the others when their lease has expired.
- Entries that Redis would not deliver again are found and released.

docs/protocol.md describes the protocol.
"""

import contextlib
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import redis

from shared import logs, metrics
from shared.errors import ShutdownRequested, Unavailable
from shared.settings import RedisSettings
from shared.streams import redis_client, worker_registry
from shared.streams.backoff import Backoff, Heartbeat
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import Entry, Output, SetAside
from shared.streams.failure_handler import FailureHandler
from shared.streams.lease import RENEWALS_PER_LEASE, Lease
from shared.streams.lost_entries import LostEntries
from shared.streams.publisher import Publisher
from shared.streams.wait_reporter import REPORT_EVERY_S, WaitReporter
from shared.streams.waits import server_of

log = logs.get(__name__)

Handler = Callable[[Sequence[Entry]], Sequence[Output]]

HOUSEKEEPING_INTERVAL_S = 2.0
RETRY_AFTER_S = 1.0


class Consumer:
    """Runs one role until `stop` is set. Any number of consumers can share a group."""

    def __init__(
        self,
        role: ConsumerRole,
        handle: Handler,
        settings: RedisSettings,
        stop: threading.Event,
        heartbeat: Heartbeat | None = None,
        *,
        renewals: int = RENEWALS_PER_LEASE,
        housekeeping_interval_s: float = HOUSEKEEPING_INTERVAL_S,
        retry_after_s: float = RETRY_AFTER_S,
        report_every_s: float = REPORT_EVERY_S,
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._role, self._handle, self._settings, self._stop = role, handle, settings, stop
        self._key = (role.stream, role.group)
        self._housekeeping_interval_s = housekeeping_interval_s
        self._reader = redis_client.connect_reader(settings)
        self._redis = redis_client.connect(settings)
        self._heartbeat = heartbeat or Heartbeat()
        self._publisher = Publisher(self._redis, settings, stop, self._heartbeat)
        self._lease = Lease(
            self._redis, self._key, self.name, self._heartbeat,
            lease_s=settings.lease_s, progress_timeout_s=settings.progress_timeout_s,
            renewals=renewals,
        )  # fmt: skip
        self._lost_entries = LostEntries(self._redis, role, self._lease, lease_s=settings.lease_s)
        self._failures = FailureHandler(
            role, settings, self._lease, self._settle, retry_after_s=retry_after_s
        )
        self._waits = WaitReporter(
            self._redis, settings.stream_prefix, role, self.name, self._heartbeat,
            every_s=report_every_s,
        )  # fmt: skip
        self._next_housekeeping = self._next_claim = 0.0
        self._backoff = Backoff(stop)

    def run(self) -> None:
        """Consume until `stop` is set. After an outage of Redis, join the group again."""
        log.info("consumer.started", stream=self._role.stream, consumer=self.name)
        with self._waits.reporting():
            self._consume()
        self._release_and_deregister()
        log.info("consumer.stopped", stream=self._role.stream, consumer=self.name)

    def release(self) -> None:
        """Release all entries of this consumer; call it from another thread when the handler does
        not finish in time. If the handler still finishes, its entries are handled twice, which is
        harmless.
        """
        try:
            self._lease.release_all()
        except Unavailable as error:
            log.warning("consumer.release_failed", error=str(error))

    # -- reading

    def _consume(self) -> None:
        while not self._stop.is_set():
            try:
                self._join_group()
                while not self._stop.is_set():
                    self._housekeep_when_due()
                    if self._downstream_has_room() and (entries := self._read()):
                        self._process(entries)
            except Unavailable as error:
                self._wait_for_redis(error)
            except ShutdownRequested:
                break

    def _join_group(self) -> None:
        """Create stream and group where they are missing, then handle the entries that Redis has
        delivered to this consumer over a connection that broke before they arrived.

        The group starts at the first entry, so entries older than the group are read too. A Redis
        without memory refuses XGROUP CREATE even where the group exists; reading continues, because
        reading frees memory.
        """
        try:
            with contextlib.suppress(redis_client.OutOfMemory), redis_client.redis_errors():
                self._redis.xgroup_create(*self._key, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._reprocess(self._lease.claim_own())

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
        self._backoff.reset()
        self._heartbeat.end_wait()
        return [Entry(id.decode(), fields) for _, entries in reply or () for id, fields in entries]

    # -- processing

    def _process(self, entries: Sequence[Entry]) -> None:
        """Call the handler, then publish its outputs and acknowledge the entries. If several
        entries fail together, each is handled alone, so only the bad ones fail.
        """
        ids = [entry.id for entry in entries]
        with self._lease.renewing(ids), self._waits.handling(entries):
            started = time.perf_counter()
            try:
                outputs = self._handle_through_outages(entries)
            except ShutdownRequested:
                raise
            except SetAside as aside:
                self._settle_others(entries, aside)
                return
            except Exception as error:  # noqa: BLE001 - a handler may raise anything
                if len(entries) > 1:
                    for entry in entries:
                        self._process([entry])
                else:
                    self._failures.handle(entries[0], error)
                return
            self._settle(entries, outputs)
            metrics.record_handled(self._role.stage, len(entries), time.perf_counter() - started)

    def _settle_others(self, entries: Sequence[Entry], aside: SetAside) -> None:
        """Acknowledge what was handled; any consumer may claim the other entries later."""
        ids = [entry.id for entry in aside.entries]
        log.warning("entries.set_aside", stage=self._role.stage, ids=ids, reason=str(aside))
        self._waits.set_aside(aside.entries, str(aside))
        if handled := [entry for entry in entries if entry.id not in ids]:
            self._settle(handled, [])
        for entry in aside.entries:
            self._failures.retry_later(entry)

    def _handle_through_outages(self, entries: Sequence[Entry]) -> Sequence[Output]:
        """Call the handler; during an outage, wait and call it again. This is one delivery."""
        backoff = Backoff(self._stop, self._heartbeat)
        with self._waits.until_handled():
            while True:
                self._heartbeat.beat()
                try:
                    return self._handle(entries)
                except Unavailable as outage:
                    self._heartbeat.begin_wait(server_of(outage), str(outage))
                    self._waits.log_pause()
                    backoff.wait()

    def _settle(self, entries: Sequence[Entry], outputs: Sequence[Output]) -> None:
        """Publish the outputs, delete and acknowledge the entries.

        With outputs, all of it is one MULTI. Without outputs there is no MULTI, which a Redis
        without memory refuses; if only the deletion arrives, a later claim acknowledges the entry.
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

    # -- recovering

    def _reprocess(self, entries: Iterable[Entry]) -> None:
        """Handle entries that were delivered before, one by one."""
        for entry in entries:
            log.warning("entry.redelivered", id=entry.id, deliveries=entry.deliveries)
            if not self._failures.handle_redelivery(entry):
                self._process([entry])
            if self._stop.is_set():
                return

    def _housekeep_when_due(self) -> None:
        """Register this consumer as alive, claim expired entries, and remove lost consumers."""
        now = time.monotonic()
        if now < self._next_housekeeping:
            return
        with contextlib.suppress(redis_client.OutOfMemory), redis_client.redis_errors():
            worker_registry.heartbeat(self._redis, self._role.stream, self.name)
        with contextlib.suppress(redis_client.OutOfMemory):
            self._prune()
        if now >= self._next_claim:
            self._lost_entries.release()
            self._reprocess(self._lease.claim_expired())
        else:
            self._reprocess(self._lease.claim_released())
        jitter = random.uniform(0.5, 1.5)  # noqa: S311
        self._next_housekeeping = time.monotonic() + self._housekeeping_interval_s * jitter

    def _prune(self) -> None:
        """Remove consumers that have been silent for long, except those that hold entries."""
        with redis_client.redis_errors():
            silent = worker_registry.silent(self._redis, self._role.stream)
            if not silent:
                return
            consumers: Any = self._redis.xinfo_consumers(*self._key)
            holding = {c["name"].decode() for c in consumers if c["pending"]}
            for name in silent - holding:
                self._lease.remove_consumer(name)
                worker_registry.deregister(self._redis, self._role.stream, name)

    # -- outages and shutdown

    def _wait_for_redis(self, error: Unavailable) -> None:
        is_missing = isinstance(error, redis_client.GroupMissing)
        event = "group.missing" if is_missing else "redis.unavailable"
        wait = self._heartbeat.begin_wait(server_of(error), str(error))
        log.warning(event, stream=self._role.stream, tries=wait.tries, error=str(error))
        with contextlib.suppress(ShutdownRequested):
            self._backoff.wait()
        # Leases have aged during the outage. Living consumers get one lease to renew theirs; what
        # was released has no lease.
        self._lost_entries.forget()
        self._next_claim = time.monotonic() + self._settings.lease_s

    def _release_and_deregister(self) -> None:
        """Release all entries, then leave the group. The connection over which more entries could
        be delivered is closed first.
        """
        self._reader.close()
        try:
            self._lease.release_all()
            self._lease.remove_consumer(self.name)
            with redis_client.redis_errors():
                worker_registry.deregister(self._redis, self._role.stream, self.name)
        except Unavailable as error:
            log.warning("consumer.release_failed", error=str(error))
        finally:
            self._redis.close()
