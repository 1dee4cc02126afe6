"""The lease on the entries in hand."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import redis

from shared import transport
from shared.errors import Outage
from shared.waiting import Heartbeat

RENEWALS_PER_LEASE = 3


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
    ) -> None:
        self._redis, self._key, self._consumer = client, key, consumer
        self._heartbeat, self._cap_s = heartbeat, cap_s
        self._every_s = lease_s / RENEWALS_PER_LEASE

    @contextlib.contextmanager
    def held(self, ids: Sequence[str]) -> Iterator[None]:
        """Keep these entries, in the order of their ids, from being claimed by others."""
        done = threading.Event()
        renewer = threading.Thread(target=self._renew, args=(ids, done), daemon=True, name="lease")
        self._heartbeat.beat()
        renewer.start()
        try:
            yield
        finally:
            done.set()

    def _renew(self, ids: Sequence[str], done: threading.Event) -> None:
        while not done.wait(self._every_s) and self._heartbeat.age_s < self._cap_s:
            # An outage is the main path's to report; the next round tries again.
            with contextlib.suppress(Outage), transport.translated():
                # Only what is still ours: a claim would steal back what another has taken over.
                pending = self._redis.xpending_range(
                    *self._key, ids[0], ids[-1], len(ids), self._consumer
                )
                if pending and not done.is_set():
                    ours: list[Any] = [p["message_id"] for p in pending]
                    self._redis.xclaim(*self._key, self._consumer, 0, ours, justid=True)
