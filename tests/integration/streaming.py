"""A stream, consumers in threads, and what is left behind: the rig of the stream tests."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.backoff import Heartbeat
from shared.streams.consumer import Consumer, Handler
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import Entry, Output, StreamNames
from tests.polling import WITHIN_S, wait_until

GROUP = "workers"
LEASE_S = 3600.0
"""No stall of a busy machine outlasts it; that it has run out is brought about by `run_out`."""
RENEWALS = 36_000
"""One in a tenth of a second."""
SHORT_TIMES = {"housekeeping_interval_s": 0.2, "retry_after_s": 0.2, "report_every_s": 0.05}


@dataclass
class Clock:
    """Time as a test has it."""

    now: float = 0.0
    looks: int = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now

    def be_looked_at(self) -> None:
        """Wait until it has been looked at a few times more."""
        looked = self.looks
        wait_until(lambda: self.looks > looked + 2)


@dataclass
class Rig:
    """One stream of one test; `handled` is what the handlers made by `remember` were given."""

    settings: RedisSettings
    client: Any = field(init=False)
    handled: list[Entry] = field(default_factory=list)
    _running: list[tuple[threading.Event, threading.Thread]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = redis_client.connect(self.settings)
        self.streams = StreamNames(self.settings.stream_prefix)
        self.stream = self.streams.raw

    def add(self, *numbers: int, **fields: Any) -> list[str]:
        """Entries that hold a number each; their ids."""
        return [self.client.xadd(self.stream, {"n": n, **fields}).decode() for n in numbers]

    def remember(self, entries: Sequence[Entry]) -> list[Output]:
        """A handler that only keeps what it is given."""
        self.handled += entries
        return []

    def role(self, **changes: Any) -> ConsumerRole:
        return ConsumerRole(**{"stage": "test", "stream": self.stream, "group": GROUP, **changes})

    def consumer(
        self,
        handle: Handler | None = None,
        *,
        settings: RedisSettings | None = None,
        heartbeat: Heartbeat | None = None,
        renewals: int = RENEWALS,
        **role: Any,
    ) -> tuple[Consumer, threading.Event]:
        stop = threading.Event()
        given, handler = settings or self.settings, handle or self.remember
        made = Consumer(
            self.role(**role), handler, given, stop, heartbeat, renewals=renewals, **SHORT_TIMES
        )
        return made, stop

    def run(self, handle: Handler | None = None, **options: Any) -> Consumer:
        """Start a consumer; it is stopped with the rig, or by `stop`."""
        consumer, stop = self.consumer(handle, **options)
        thread = threading.Thread(target=consumer.run, daemon=True)
        thread.start()
        self._running.append((stop, thread))
        return consumer

    def stop(self, *, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Ask all consumers to stop, do what is to be done then, and wait until they have."""
        for stop, _ in self._running:
            stop.set()
        meanwhile()
        for _, thread in self._running:
            thread.join(WITHIN_S)
            assert not thread.is_alive()
        self._running.clear()

    def deliver_to_lost(self, name: str = "lost", count: int = 100) -> None:
        """Let a consumer take entries that never comes back."""
        self.client.xgroup_create(self.stream, GROUP, id="0", mkstream=True)
        self.client.xreadgroup(GROUP, name, {self.stream: ">"}, count=count)

    def run_out(self) -> None:
        """Make the leases of all pending entries end long ago."""
        for pending in self.pending():
            self.client.xclaim(
                self.stream, GROUP, pending["consumer"], 0, [pending["message_id"]],
                idle=int(2 * LEASE_S * 1000), justid=True,
            )  # fmt: skip

    def has_run_out(self) -> bool:
        """Whether the lease of the only pending entry has run out."""
        [pending] = self.pending()
        return int(pending["time_since_delivered"]) >= LEASE_S * 1000

    def numbers(self) -> list[int]:
        """The numbers of the entries handled so far, in order."""
        return [int(entry.fields[b"n"]) for entry in self.handled]

    def pending(self) -> list[dict[str, Any]]:
        try:
            return list(self.client.xpending_range(self.stream, GROUP, "-", "+", 1000))
        except redis.ResponseError:
            return []  # no consumer has made the group yet

    def holders(self) -> list[bytes]:
        """The consumers of the pending entries. An entry that was handled is pending until it is
        acknowledged: wait for what is expected here.
        """
        return [pending["consumer"] for pending in self.pending()]

    def is_empty(self) -> bool:
        """No entry waits and none is pending."""
        return not self.client.xlen(self.stream) and not self.pending()

    def dead(self) -> list[dict[bytes, bytes]]:
        entries: Any = self.client.xrange(self.streams.dead)
        return [fields for _, fields in entries]
