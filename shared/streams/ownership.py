"""The streams of one prefix belong to one ledger.

A hash says which: it has the `schema` of the ledger, and stays. Beside it the services register the
`current` identity of the ledger as alive. So a ledger that was restored takes its streams over when
the services of the former one have ended, and a copy beside them is refused.
"""

import contextlib
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import redis

from shared import logs
from shared.domain.ledger_identity import LedgerIdentity
from shared.errors import ConfigurationError, Unavailable
from shared.streams import redis_client, worker_registry
from shared.streams.entries import StreamNames

log = logs.get(__name__)

RENEW_EVERY_S = worker_registry.ALIVE_S / 3
SCHEMA = "schema"


class Ownership:
    """Claims the streams for a ledger. `identity` reads the ledger's identity."""

    def __init__(
        self, client: redis.Redis, streams: StreamNames, identity: Callable[[], LedgerIdentity]
    ) -> None:
        self._redis, self._streams, self._identity = client, streams, identity

    def claim(self) -> None:
        """Claim the streams, or renew the claim. Raises `ConfigurationError` if they belong to
        another ledger, and `Unavailable` while services of a copy of this ledger use them.
        """
        identity = self._identity()
        # A Redis without memory takes no claim, but what it has can still be read.
        with contextlib.suppress(redis_client.OutOfMemory), redis_client.redis_errors():
            self._redis.hsetnx(self._streams.ledger, SCHEMA, identity.schema)
        self.check(identity)
        newcomer = identity.current not in self._live()
        with contextlib.suppress(redis_client.OutOfMemory), redis_client.redis_errors():
            worker_registry.heartbeat(self._redis, self._streams.ledger, identity.current)
        # A copy that started at the same moment found no service alive either.
        if newcomer and (copies := self._live() - {identity.current}):
            with redis_client.redis_errors():
                worker_registry.deregister(self._redis, self._streams.ledger, identity.current)
            self._refuse(identity, copies)

    def check(self, identity: LedgerIdentity) -> None:
        """Raise as `claim` does, without a change in Redis."""
        with redis_client.redis_errors():
            owner: Any = self._redis.hget(self._streams.ledger, SCHEMA)
        prefix, schema = self._streams.prefix, identity.schema
        if owner is not None and owner.decode() != schema:
            raise ConfigurationError(
                f"MINUANO_STREAM_PREFIX: the streams {prefix}* belong to the ledger "
                f"{owner.decode()}, and MINUANO_TARGET_URL has the ledger {schema}: give each "
                f"target a prefix of its own; if that ledger is gone, delete {self._streams.ledger}"
            )
        live = self._live()
        if live and identity.current not in live:
            self._refuse(identity, live)

    def _live(self) -> set[str]:
        """The identities of which services are alive."""
        with redis_client.redis_errors():
            return worker_registry.live(self._redis, self._streams.ledger)

    def _refuse(self, identity: LedgerIdentity, copies: set[str]) -> NoReturn:
        raise Unavailable(
            f"services of a copy of this ledger use the streams {self._streams.prefix}* (identity "
            f"{min(copies)}, here {identity.current}): stop them, or give this target a prefix of "
            "its own"
        )

    def run(self, stop: threading.Event) -> None:
        """Renew the claim until `stop` is set. Raises `ConfigurationError` if the streams belong
        to another ledger now, which is possible after Redis has lost its data.
        """
        while not stop.wait(RENEW_EVERY_S):
            try:
                self.claim()
            except Unavailable as outage:
                log.warning("streams.claim_deferred", error=str(outage))
