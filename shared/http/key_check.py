"""Compares API keys, and slows down a client that tries many."""

import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from threading import Lock

from fastapi import HTTPException
from pydantic import SecretStr

from shared.http.addresses import client_network
from shared.setting_types import split_names

FREE_ATTEMPTS = 5
"""Different wrong keys of an address before it has to wait. The same one again does not count: it
is a client with an old key, not somebody who tries keys.
"""
FIRST_WAIT_S, MAX_WAIT_S = 1.0, 60.0
"""The wait doubles with each further wrong key."""
FORGET_AFTER_S = 900.0
MAX_ADDRESSES, MAX_KEYS = 10_000, 100
"""The most that is remembered; the addresses that sent a key longest ago are forgotten first."""


@dataclass(slots=True)
class _Client:
    """What an address has sent: hashes of wrong and of active keys, and until when it waits."""

    wrong: set[bytes] = field(default_factory=set)
    active: set[bytes] = field(default_factory=set)
    wait_until: float = 0.0
    forget_at: float = 0.0


class KeyCheck:
    """The active keys. After many wrong keys an address has to wait before another key of it is
    looked at. A key that was right from there before goes on working, so a person who tries keys
    behind a proxy does not keep the others out.
    """

    def __init__(
        self, keys: SecretStr | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.keys: Sequence[str] = split_names(keys.get_secret_value()) if keys else ()
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._clock, self._lock = clock, Lock()

    def check(self, key: str, address: str) -> str | None:
        """The key, if it is active. Raises `HTTPException` 429 if the address has to wait."""
        if not key or not self.keys:
            return None
        with self._lock:  # requests at the same moment count one after the other
            return self._check(key, address)

    def _check(self, key: str, address: str) -> str | None:
        active, digest = active_key(key, self.keys), _digest(key)
        client, now = self._client(address), self._clock()
        if now < client.wait_until and digest not in client.active:
            wait_s = ceil(client.wait_until - now)
            raise HTTPException(
                429,
                f"too many wrong keys: try again in {wait_s} s",
                headers={"Retry-After": str(wait_s)},
            )
        if active:
            client.active.add(digest)
        elif digest not in client.wrong:
            _count(client, digest, now)
        return active

    def _client(self, address: str) -> _Client:
        network = client_network(address)
        client = self._clients.pop(network, None)
        if client is None or (client.wrong and client.forget_at <= self._clock()):
            client = _Client()
        self._clients[network] = client
        if len(self._clients) > MAX_ADDRESSES:
            self._clients.popitem(last=False)
        return client


def _count(client: _Client, digest: bytes, now: float) -> None:
    if len(client.wrong) < MAX_KEYS:
        client.wrong.add(digest)
    client.forget_at = now + FORGET_AFTER_S
    doublings = len(client.wrong) - FREE_ATTEMPTS
    if doublings >= 0:
        client.wait_until = now + min(FIRST_WAIT_S * 2**doublings, MAX_WAIT_S)


def active_key(sent: str, keys: Sequence[str]) -> str | None:
    """The key, if it is active. The hashes of all keys are compared in constant time."""
    digest = _digest(sent)
    matches = [key for key in keys if hmac.compare_digest(digest, _digest(key))]
    return matches[0] if matches else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
