"""The lease on the entries in hand: kept while they are handled, taken over when it has run out."""

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
"""The consumer that holds what was given back, so that we hold only what we have in hand."""


class Lease:
    """Renewed as long as the handler gives signs of life, so that a slow consumer is not robbed of
    its entries and a stuck one is.
    """

    def __init__(
        self,
        client: redis.Redis,
        key: tuple[str, str],
        consumer: str,
        heartbeat: Heartbeat,
        *,
        lease_s: float,
        cap_s: float,
        renewals: int = RENEWALS_PER_LEASE,
    ) -> None:
        self._redis, self._key, self._consumer = client, key, consumer
        self._heartbeat, self._cap_s = heartbeat, cap_s
        self._every_s = lease_s / renewals
        self._lease_ms = int(lease_s * 1000)
        self._renewing = threading.Lock()

    @contextlib.contextmanager
    def renewing(self, ids: Sequence[str]) -> Iterator[None]:
        """Keep these entries, in the order of their ids, from being claimed by others."""
        done = threading.Event()
        work = (ids, done)
        renewer = threading.Thread(target=self.renew, args=work, daemon=True, name="lease")
        self._heartbeat.beat()
        renewer.start()
        try:
            yield
        finally:
            done.set()
            # A renewal that is under way must not undo what comes next.
            renewer.join()

    def is_ours(self, id: str) -> bool:
        """Whether the entry is still in our hand."""
        return bool(self._pending(id, id, 1, of=self._consumer))

    def claim_own(self) -> Iterator[Entry]:
        """What was delivered to us and is not acknowledged; being read again is no delivery."""
        return self._taken(of=self._consumer, idle_ms=0, more=0)

    def claim_expired(self) -> Iterator[Entry]:
        """What others left longer than a lease ago. Each entry is claimed when the one before has
        been dealt with: an entry that kills its process must not raise the count of its neighbours.
        """
        return self._taken(of=None, idle_ms=self._lease_ms, more=1)

    def release(self, id: str | bytes, deliveries: int, *, claimable_in_s: float = 0) -> None:
        """Let go of an entry, and set how often it was delivered."""
        idle_ms = max(0, self._lease_ms - int(claimable_in_s * 1000))
        with redis_client.redis_errors():
            self._redis.xclaim(
                *self._key, RELEASED, 0, [id], idle=idle_ms, retrycount=deliveries, justid=True
            )

    def release_all(self) -> None:
        """Let go of everything, claimable at once: a delivery that led to nothing is none."""
        with self._renewing:
            while mine := self._pending("-", "+", RELEASE_BATCH, of=self._consumer):
                for pending in mine:
                    self.release(pending["message_id"], max(0, pending["times_delivered"] - 1))

    def renew(self, ids: Sequence[str], done: threading.Event) -> None:
        """Renew the lease, several times before it runs out, until `done` is set."""
        while not done.wait(self._every_s):
            if self._heartbeat.age_s > self._cap_s:
                continue
            # An outage is the main path's to report; the next round tries again.
            with contextlib.suppress(Unavailable), self._renewing, redis_client.redis_errors():
                # Only what is still ours: a claim would steal back what another has taken over.
                pending = self._pending(ids[0], ids[-1], len(ids), of=self._consumer)
                if pending and not done.is_set():
                    ours: list[Any] = [p["message_id"] for p in pending]
                    self._redis.xclaim(*self._key, self._consumer, 0, ours, justid=True)

    def _taken(self, *, of: str | None, idle_ms: int, more: int) -> Iterator[Entry]:
        after = "-"
        while page := self._pending(after, "+", 1, of=of, idle_ms=idle_ms):
            id, deliveries = page[0]["message_id"], page[0]["times_delivered"] + more
            if entry := self._claim(id, idle_ms=idle_ms, deliveries=deliveries):
                yield entry
            after = f"({id.decode()}"

    def _pending(
        self, first: str, last: str, count: int, *, of: str | None, idle_ms: int = 0
    ) -> list[dict[str, Any]]:
        with redis_client.redis_errors():
            page: Any = self._redis.xpending_range(*self._key, first, last, count, of, idle_ms)
            return list(page)

    def _claim(self, id: bytes, *, idle_ms: int, deliveries: int) -> Entry | None:
        """Make the entry ours unless another was quicker; forget it if it was deleted."""
        with redis_client.redis_errors():
            claimed: Any = self._redis.xclaim(
                *self._key, self._consumer, idle_ms, [id], retrycount=deliveries
            )
            if claimed and (fields := claimed[0][1]):
                return Entry(id.decode(), fields, deliveries)
            if not self._redis.xrange(self._key[0], id, id):
                self._redis.xack(*self._key, id)
        return None
