"""The consumer runtime that every stage runs on: Redis streams, delivered at least once.

A `Consumer` is one member of one group. It reads entries, gives them to a handler (a plain function
from entries to outputs), and acknowledges after the effect: in one MULTI with the outputs, so that
a hop from stream to stream is atomic. What is acknowledged is deleted, so the length of a stream is
its backlog. What can never work goes to the dead letters; what can't work now is waited for; what
a lost consumer had in hand is claimed by the others, one by one. docs/protocol.md tells it all.
"""

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from redis.client import Pipeline

from shared import logs, metrics, transport, workers
from shared.entries import Entry, Output, Streams
from shared.errors import Outage, Rejected, Stopped
from shared.lease import Lease
from shared.publishing import Publisher
from shared.settings import RedisSettings
from shared.waiting import Heartbeat, Pause

log = logs.get(__name__)

Handler = Callable[[Sequence[Entry]], Sequence[Output]]

RECOVER_EVERY_S = 2.0
RECOVER_AT_ONCE = 100
RETRY_AFTER_S = 1.0
ERROR_TEXT_CHARS = 2_000
DEAD_PREFIX = "dead_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a consumer reads, how much at once, and whose backlog it respects."""

    stage: str
    stream: str
    group: str
    at_once: int = 1
    downstream: str | None = None
    keep: bool = False
    """Acknowledged entries stay in the stream: for the dead letters, which are a store."""


class Consumer:
    """Runs one role until `stop` is set; any number of them may share a group."""

    def __init__(
        self,
        role: Role,
        handle: Handler,
        settings: RedisSettings,
        stop: threading.Event,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._role, self._handle, self._settings, self._stop = role, handle, settings, stop
        self._key = (role.stream, role.group)
        self._dead = Streams(settings.stream_prefix).dead
        self._reader = transport.connect_reader(settings)
        self._redis = transport.connect(settings)
        self._heartbeat = heartbeat or Heartbeat()
        self._publisher = Publisher(self._redis, settings, stop, self._heartbeat)
        self._lease = Lease(
            self._redis, self._key, self.name, self._heartbeat,
            lease_s=settings.lease_s, cap_s=settings.lease_cap_s,
        )  # fmt: skip
        self._lease_ms = int(settings.lease_s * 1000)
        self._next_recovery = 0.0
        self._pause = Pause(stop)

    def run(self) -> None:
        """Consume until asked to stop; an outage of Redis is waited out."""
        log.info("consumer.started", stream=self._role.stream, consumer=self.name)
        while not self._stop.is_set():
            try:
                self._join()
                self._take_back_own()
                self._consume()
            except transport.GroupLost as error:
                log.warning("group.lost", stream=self._role.stream, error=str(error))
                self._wait_out()
            except Outage as error:
                log.warning("redis.away", stream=self._role.stream, error=str(error))
                self._wait_out()
            except Stopped:
                break
        self._leave()
        log.info("consumer.stopped", stream=self._role.stream, consumer=self.name)

    # -- reading

    def _join(self) -> None:
        """Create stream and group, from the first entry on: what came before us is ours too."""
        try:
            with transport.translated():
                self._redis.xgroup_create(*self._key, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _consume(self) -> None:
        while not self._stop.is_set():
            self._recover_when_due()
            if not self._downstream_has_room():
                continue
            entries = self._read()
            self._pause.reset()
            if entries:
                self._process(entries)

    def _downstream_has_room(self) -> bool:
        stream = self._role.downstream
        return not stream or self._publisher.wait_for_room(stream, within_s=self._settings.block_s)

    def _read(self) -> list[Entry]:
        with transport.translated():
            reply: Any = self._reader.xreadgroup(
                self._role.group, self.name, {self._role.stream: ">"},
                count=self._role.at_once, block=int(self._settings.block_s * 1000),
            )  # fmt: skip
        return [Entry(id.decode(), fields) for _, entries in reply or () for id, fields in entries]

    # -- processing

    def _process(self, entries: Sequence[Entry]) -> None:
        """Effect first, acknowledgement after. If entries fail together, each is tried alone, so
        that a bad one hurts only itself.
        """
        with self._lease.held([entry.id for entry in entries]):
            started = time.perf_counter()
            try:
                outputs = self._handle_through_outages(entries)
            except Stopped:
                raise
            except Exception as error:  # noqa: BLE001 - the one place that outlives any handler
                if len(entries) > 1:
                    for entry in entries:
                        self._process([entry])
                else:
                    self._failed(entries[0], error)
                return
            self._settle(entries, outputs)
            metrics.handled(self._role.stage, len(entries), time.perf_counter() - started)

    def _handle_through_outages(self, entries: Sequence[Entry]) -> Sequence[Output]:
        pause = Pause(self._stop, self._heartbeat)
        while True:
            self._heartbeat.beat()
            try:
                return self._handle(entries)
            except Outage as outage:
                log.warning("stage.paused", stage=self._role.stage, error=str(outage))
                metrics.paused.labels(self._role.stage).set(1)
                pause.wait()
            finally:
                metrics.paused.labels(self._role.stage).set(0)

    def _settle(self, entries: Sequence[Entry], outputs: Sequence[Output]) -> None:
        """Publish, acknowledge and delete in one MULTI: all of it happens or none."""
        with transport.translated():
            pipe = self._redis.pipeline(transaction=True)
            for output in outputs:
                pipe.xadd(output.stream, output.fields)
            self._acknowledge(pipe, [entry.id for entry in entries])
            pipe.execute()

    def _acknowledge(self, pipe: Pipeline, ids: Sequence[str]) -> None:
        pipe.xack(*self._key, *ids)
        if not self._role.keep:
            pipe.xdel(self._role.stream, *ids)

    def _failed(self, entry: Entry, error: Exception) -> None:
        if isinstance(error, Rejected):
            self._bury(entry, error.reason, str(error))
        elif entry.deliveries >= self._settings.max_deliveries:
            self._bury(entry, "crash", f"{type(error).__name__}: {error}")
        else:
            log.error("entry.crashed", id=entry.id, deliveries=entry.deliveries, exc_info=error)
            metrics.crashed.labels(self._role.stage).inc()
            self._give_back(entry.id, entry.deliveries, claimable_in_s=RETRY_AFTER_S)

    def _bury(self, entry: Entry, reason: str, error: str) -> None:
        """Move the entry to the dead letters, whole, with what is known about its end."""
        job = entry.fields.get(b"job", b"").decode(errors="replace")
        log.error("entry.dead", id=entry.id, job=job, reason=reason, error=error)
        epitaph = {
            "reason": reason,
            "error": error[:ERROR_TEXT_CHARS],
            "stage": self._role.stage,
            "stream": self._role.stream,
            "id": entry.id,
            "deliveries": entry.deliveries,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        told: dict[Any, Any] = {f"{DEAD_PREFIX}{key}": value for key, value in epitaph.items()}
        with transport.translated():
            pipe = self._redis.pipeline(transaction=True)
            pipe.xadd(self._dead, told | dict(entry.fields))
            self._acknowledge(pipe, [entry.id])
            pipe.execute()
        metrics.dead.labels(self._role.stage, reason).inc()

    # -- recovering

    def _take_back_own(self) -> None:
        """Handle what was delivered to us over a connection that broke before we saw it."""
        for pending in self._pending(consumer=self.name):
            deliveries = pending["times_delivered"]
            if entry := self._claim(pending["message_id"], idle_ms=0, deliveries=deliveries):
                self._process([entry])

    def _recover_when_due(self) -> None:
        """Claim what others left longer than a lease ago, one by one: an entry that kills its
        process must not raise the count of its neighbours.
        """
        if time.monotonic() < self._next_recovery:
            return
        with transport.translated():
            workers.say_alive(self._redis, self._role.stream, self.name)
        for pending in self._pending(idle_ms=self._lease_ms):
            deliveries = pending["times_delivered"] + 1
            entry = self._claim(
                pending["message_id"], idle_ms=self._lease_ms, deliveries=deliveries
            )
            if entry is None:
                continue
            log.warning("entry.recovered", id=entry.id, deliveries=deliveries)
            if deliveries > self._settings.max_deliveries:
                self._bury(entry, "deliveries", f"left behind {deliveries - 1} times")
            else:
                self._process([entry])
        with transport.translated():
            workers.forget_lost(self._redis, *self._key)
        self._next_recovery = time.monotonic() + RECOVER_EVERY_S * random.uniform(0.5, 1.5)  # noqa: S311

    def _pending(
        self, *, consumer: str | None = None, idle_ms: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Pending entries, oldest first, as they stand while each is dealt with."""
        after = "-"
        while not self._stop.is_set():
            with transport.translated():
                page: Any = self._redis.xpending_range(
                    *self._key, after, "+", RECOVER_AT_ONCE, consumer, idle_ms
                )
            yield from page
            if len(page) < RECOVER_AT_ONCE:
                return
            after = f"({page[-1]['message_id'].decode()}"

    def _claim(self, id: bytes, *, idle_ms: int, deliveries: int) -> Entry | None:
        """Make the entry ours unless another was quicker; forget it if it was deleted."""
        with transport.translated():
            claimed: Any = self._redis.xclaim(
                *self._key, self.name, idle_ms, [id], retrycount=deliveries
            )
            fields = claimed[0][1] if claimed else None
            if fields:
                return Entry(id.decode(), fields, deliveries)
            if not self._redis.xrange(self._role.stream, id, id):
                self._redis.xack(*self._key, id)
        return None

    def _give_back(self, id: str, deliveries: int, *, claimable_in_s: float) -> None:
        idle_ms = max(0, self._lease_ms - int(claimable_in_s * 1000))
        with transport.translated():
            self._redis.xclaim(
                *self._key, self.name, 0, [id], idle=idle_ms, retrycount=deliveries, justid=True
            )

    # -- ending

    def _wait_out(self) -> None:
        try:
            self._pause.wait()
        except Stopped:
            return

    def _leave(self) -> None:
        """Give back what is still in hand, at once claimable and not counted as a delivery."""
        try:
            with transport.translated():
                mine: Any = self._redis.xpending_range(
                    *self._key, "-", "+", self._role.at_once + RECOVER_AT_ONCE, self.name
                )
                for pending in mine:
                    self._give_back(
                        pending["message_id"], pending["times_delivered"] - 1, claimable_in_s=0
                    )
                workers.say_gone(self._redis, self._role.stream, self.name)
                if not mine:
                    self._redis.xgroup_delconsumer(*self._key, self.name)
        except Outage as error:
            log.warning("consumer.left_to_lease", error=str(error))
        finally:
            self._reader.close()
            self._redis.close()
