"""Leases: an entry that a consumer handles is kept from the others, until its lease expires.

The lease of an entry is its idle time in the consumer group (XPENDING). While the handler makes
progress, the consumer renews the lease with XCLAIM, which sets the idle time back to zero. An entry
that has been idle for longer than `lease_s` was left behind, and any consumer may claim it.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import redis

from shared.errors import Unavailable
from shared.streams import redis_client
from shared.streams.backoff import Heartbeat
from shared.streams.entries import Entry

RENEWALS_PER_LEASE = 3
RELEASE_BATCH = 100
RELEASED = "nobody"
"""The consumer name that released entries are assigned to. Redis has no command that takes an
entry away from a consumer without giving it to another.
"""


class Lease:
    """The leases of one consumer. They are renewed only while the handler makes progress, so a slow
    consumer keeps its entries and a stuck one loses them.
    """

    def __init__(
        self,
        client: redis.Redis,
        key: tuple[str, str],
        consumer: str,
        heartbeat: Heartbeat,
        *,
        lease_s: float,
        progress_timeout_s: float,
        renewals: int = RENEWALS_PER_LEASE,
    ) -> None:
        self._redis, self._key, self._consumer = client, key, consumer
        self._heartbeat, self._progress_timeout_s = heartbeat, progress_timeout_s
        self._interval_s = lease_s / renewals
        self._lease_ms = int(lease_s * 1000)
        self._renewing = threading.Lock()

    @contextlib.contextmanager
    def renewing(self, ids: Sequence[str]) -> Iterator[None]:
        """Renew the leases of these entries, sorted by id, until the block ends."""
        done = threading.Event()
        renewer = threading.Thread(target=self.renew, args=(ids, done), daemon=True, name="lease")
        self._heartbeat.beat()
        renewer.start()
        try:
            yield
        finally:
            done.set()
            # A renewal that is still running would undo what comes next.
            renewer.join()

    def renew(self, ids: Sequence[str], done: threading.Event) -> None:
        """Renew the leases several times before they expire, until `done` is set."""
        while not done.wait(self._interval_s):
            if self._heartbeat.age_s > self._progress_timeout_s:
                continue
            # The consumer reports outages. Here the next round tries again.
            with contextlib.suppress(Unavailable), self._renewing, redis_client.redis_errors():
                # Only entries that are still ours: XCLAIM would take back an entry that another
                # consumer has claimed.
                pending = self._pending(ids[0], ids[-1], len(ids), consumer=self._consumer)
                if pending and not done.is_set():
                    ours: list[Any] = [p["message_id"] for p in pending]
                    self._redis.xclaim(*self._key, self._consumer, 0, ours, justid=True)

    def is_ours(self, id: str) -> bool:
        """Whether the entry is still assigned to this consumer."""
        return bool(self._pending(id, id, 1, consumer=self._consumer))

    def claim_own(self) -> Iterator[Entry]:
        """Entries that were delivered to this consumer and not acknowledged. Reading one again does
        not count as a delivery.
        """
        return self._claim_each(consumer=self._consumer, idle_ms=0, more_deliveries=0)

    def claim_expired(self) -> Iterator[Entry]:
        """Entries of any consumer whose lease has expired; each claim counts as a delivery.

        An entry is claimed only when the one before has been handled. So an entry that kills its
        process again and again does not raise the delivery count of the entries after it.
        """
        return self._claim_expired_of(None)

    def claim_released(self) -> Iterator[Entry]:
        """Expired entries that a consumer has released, so that no consumer renews their lease."""
        return self._claim_expired_of(RELEASED)

    def release(self, id: str | bytes, deliveries: int, *, claimable_in_s: float = 0) -> None:
        """Make the entry claimable by any consumer, and set its delivery count. A renewal that is
        under way ends first: it would take the entry back.
        """
        with self._renewing:
            self._release(id, deliveries, claimable_in_s=claimable_in_s)

    def release_undeliverable(self, id: str | bytes, deliveries: int) -> bool:
        """Make an entry claimable that is on the stream, but in no consumer's list of pending
        entries. False if a consumer has it meanwhile, or it is not on the stream.
        """
        with redis_client.redis_errors():
            # XCLAIM compares the idle time only if a consumer has the entry.
            return bool(
                self._redis.xclaim(
                    *self._key, RELEASED, self._lease_ms, [id], idle=self._lease_ms,
                    retrycount=deliveries, force=True, justid=True,
                )
            )  # fmt: skip

    def remove_consumer(self, name: str) -> None:
        """Remove a consumer from the group. Entries that it holds are released: XGROUP DELCONSUMER
        forgets them. If this process ends in between, `LostEntries` finds them.
        """
        with redis_client.redis_errors():
            pipe = self._redis.pipeline(transaction=True)
            pipe.xpending_range(*self._key, "-", "+", RELEASE_BATCH, name)
            pipe.xgroup_delconsumer(*self._key, name)
            held, _ = pipe.execute()
        for pending in held:
            self.release_undeliverable(pending["message_id"], pending["times_delivered"])

    def _release(self, id: str | bytes, deliveries: int, *, claimable_in_s: float = 0) -> None:
        idle_ms = max(0, self._lease_ms - int(claimable_in_s * 1000))
        with redis_client.redis_errors():
            self._redis.xclaim(
                *self._key, RELEASED, 0, [id], idle=idle_ms, retrycount=deliveries, justid=True
            )

    def release_all(self) -> None:
        """Make all entries of this consumer claimable at once. This delivery does not count."""
        with self._renewing:
            while page := self._pending("-", "+", RELEASE_BATCH, consumer=self._consumer):
                for pending in page:
                    self._release(pending["message_id"], max(0, pending["times_delivered"] - 1))

    def _claim_expired_of(self, consumer: str | None) -> Iterator[Entry]:
        return self._claim_each(consumer=consumer, idle_ms=self._lease_ms, more_deliveries=1)

    def _claim_each(
        self, *, consumer: str | None, idle_ms: int, more_deliveries: int
    ) -> Iterator[Entry]:
        after = "-"
        while page := self._pending(after, "+", 1, consumer=consumer, idle_ms=idle_ms):
            id, deliveries = page[0]["message_id"], page[0]["times_delivered"] + more_deliveries
            if entry := self._claim(id, idle_ms=idle_ms, deliveries=deliveries):
                yield entry
            after = f"({id.decode()}"

    def _pending(
        self, first: str, last: str, count: int, *, consumer: str | None, idle_ms: int = 0
    ) -> list[dict[str, Any]]:
        with redis_client.redis_errors():
            page: Any = self._redis.xpending_range(
                *self._key, first, last, count, consumer, idle_ms
            )
            return list(page)

    def _claim(self, id: bytes, *, idle_ms: int, deliveries: int) -> Entry | None:
        """The entry, now assigned to this consumer; None if another consumer was faster. An entry
        that was deleted from the stream is acknowledged, so that it is pending no longer.
        """
        with redis_client.redis_errors():
            claimed: Any = self._redis.xclaim(
                *self._key, self._consumer, idle_ms, [id], retrycount=deliveries
            )
            if claimed and (fields := claimed[0][1]):
                return Entry(id.decode(), fields, deliveries)
            if not self._redis.xrange(self._key[0], id, id):
                self._redis.xack(*self._key, id)
        return None
