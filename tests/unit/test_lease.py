"""How often a lease is renewed."""

import threading

import redis

from shared.streams.backoff import Heartbeat
from shared.streams.lease import Lease

LEASE_S = 30.0


class DoneAtOnce(threading.Event):
    """An event that is set as soon as it is waited for, and notes for how long that was to be."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        self.set()
        return True


def test_a_lease_is_renewed_before_it_expires() -> None:
    """Two renewals may be lost, or late, before another consumer claims the entries."""
    done = DoneAtOnce()
    lease = Lease(
        redis.Redis(),
        ("stream", "group"),
        "we",
        Heartbeat(),
        lease_s=LEASE_S,
        progress_timeout_s=600.0,
    )
    lease.renew(["1-1"], done)
    assert done.waits == [LEASE_S / 3]
