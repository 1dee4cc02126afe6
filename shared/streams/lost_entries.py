"""Finds entries that Redis would never deliver again, or not for hours, and releases them.

They are on the stream, so they count as backlog, but no lease of them expires:

- An entry that was delivered, but is in no consumer's list of pending entries. `XGROUP DELCONSUMER`
  forgets the list of the consumer that it removes.
- A pending entry that is not renewed, although its idle time does not reach the lease: the clock of
  Redis went back. Redis reports an idle time of 0 until its clock is again where it was.

The second kind is found by this process's own clock. A renewal changes the time of delivery, which
is the time of Redis minus the idle time; a step of the clock changes both.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from shared import logs, metrics
from shared.streams import redis_client
from shared.streams.consumer_role import ConsumerRole
from shared.streams.lease import Lease

log = logs.get(__name__)

PENDING_PER_LOOK = 100
"""Entries behind these are looked at when these have been handled."""
FOUND_PER_GAP = 100
MIN_LOOKS = 3


@dataclass(slots=True)
class _Delivery:
    """A delivery as it was seen first. `at_ms` is None if its idle time was 0: it was made just
    now, or its time is in the future.
    """

    consumer: bytes
    deliveries: int
    at_ms: int | None
    seen_since: float
    looks: int = 1


class LostEntries:
    """Looks at the pending entries of one group; each consumer has one and uses it regularly."""

    def __init__(
        self,
        client: redis.Redis,
        role: ConsumerRole,
        lease: Lease,
        *,
        lease_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis, self._role, self._lease = client, role, lease
        self._lease_s, self._clock = lease_s, clock
        self._seen: dict[bytes, _Delivery] = {}

    def release(self) -> None:
        """Release what this look finds."""
        now_ms, last_delivered, page = self._look()
        if not self._role.retain:  # there an entry stays on the stream after it was handled
            ids = [pending["message_id"] for pending in page]
            for id in self._undeliverable(ids, last_delivered):
                if self._lease.release_undeliverable(id, deliveries=1):
                    log.warning("entry.undeliverable", stream=self._role.stream, id=id.decode())
                    metrics.stage_undeliverable_entries.labels(self._role.stage).inc()
        for pending in self._unrenewed(page, now_ms):
            id = pending["message_id"]
            log.warning("entry.not_renewed", stream=self._role.stream, id=id.decode())
            self._lease.release(id, pending["times_delivered"])

    def forget(self) -> None:
        """Begin anew: during an outage no consumer could renew its leases."""
        self._seen.clear()

    def _look(self) -> tuple[int, bytes, list[dict[str, Any]]]:
        """The time of Redis, the last id delivered, and the first pending entries, in this order:
        what was delivered before and is not pending afterwards was acknowledged, and so deleted, or
        is undeliverable.
        """
        stream, group = self._role.stream, self._role.group
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=False)
            pipe.time()
            pipe.xinfo_groups(stream)
            pipe.xpending_range(stream, group, "-", "+", PENDING_PER_LOOK)
            (seconds, microseconds), groups, page = pipe.execute()
        ours = next((g for g in groups if g["name"] == group.encode()), None)
        if ours is None:  # another consumer has created it since
            raise redis_client.GroupMissing(f"{stream} had no group {group}")
        return seconds * 1000 + microseconds // 1000, ours["last-delivered-id"], page

    def _undeliverable(self, pending: Sequence[bytes], last_delivered: bytes) -> Iterator[bytes]:
        """The ids of delivered entries that are in the gaps between pending entries, before the
        first and after the last one. Normally a gap is empty, and Redis sends no payload.
        """
        starts = [b"-", *(b"(" + id for id in pending)]
        ends = [b"(" + id for id in pending]
        if len(pending) < PENDING_PER_LOOK:
            ends.append(last_delivered)
        gaps = list(zip(starts, ends, strict=False))
        for _ in range(FOUND_PER_GAP):
            with redis_client.redis_errors():
                pipe = self._redis.pipeline(transaction=False)
                for start, end in gaps:
                    pipe.xrange(self._role.stream, start, end, 1)
                replies = pipe.execute()
            found = [
                (entries[0][0], end)
                for entries, (_, end) in zip(replies, gaps, strict=True)
                if entries
            ]
            yield from (id for id, _ in found)
            gaps = [(b"(" + id, end) for id, end in found]
            if not gaps:
                return

    def _unrenewed(self, page: list[dict[str, Any]], now_ms: int) -> list[dict[str, Any]]:
        """The entries whose delivery was seen for one lease, but whose lease has not expired."""
        now, seen = self._clock(), {}
        for pending in page:
            idle_ms = pending["time_since_delivered"]
            delivery = _Delivery(
                pending["consumer"], pending["times_delivered"],
                now_ms - idle_ms if idle_ms else None, now,
            )  # fmt: skip
            before = self._seen.get(pending["message_id"])
            if before and self._is_same(before, delivery):
                before.looks += 1
                delivery = before
            seen[pending["message_id"]] = delivery
        self._seen = seen
        return [pending for pending in page if self._is_overdue(pending, now)]

    def _is_same(self, before: _Delivery, now: _Delivery) -> bool:
        """Whether the entry was neither claimed nor renewed, which is done three times a lease."""
        if (before.consumer, before.deliveries) != (now.consumer, now.deliveries):
            return False
        if before.at_ms is None or now.at_ms is None:
            return before.at_ms is now.at_ms
        return abs(before.at_ms - now.at_ms) < self._lease_s * 1000 / 10

    def _is_overdue(self, pending: dict[str, Any], now: float) -> bool:
        delivery = self._seen[pending["message_id"]]
        return (
            delivery.looks >= MIN_LOOKS
            and now - delivery.seen_since >= self._lease_s
            and pending["time_since_delivered"] < self._lease_s * 1000
        )
