"""Signing in: who shows an active key gets a signed cookie that says so, until the key is retired.

The cookie holds no key: it is a stamp in time, signed with a secret made from the key. Taking a key
out of `MINUANO_API_KEY` ends the sessions that it began.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence

from itsdangerous import BadSignature, TimestampSigner
from pydantic import SecretStr

from shared.setting_types import split_names

COOKIE = "minuano_session"
_VALUE = "signed-in"
_SALT = "minuano.dashboard.session"


class Sessions:
    """Knows the active keys; without any, everybody is signed in."""

    def __init__(
        self, keys: SecretStr | None, *, hours: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._keys: Sequence[str] = split_names(keys.get_secret_value()) if keys else ()
        self.max_age_s = round(hours * 3600)

    @property
    def needed(self) -> bool:
        """Whether anybody has to sign in."""
        return bool(self._keys)

    def begin(self, key: str) -> str | None:
        """The cookie's value for an active key; None for any other."""
        given = _digest(key)
        active = [k for k in self._keys if hmac.compare_digest(_digest(k), given)]
        return self._signer(active[0]).sign(_VALUE).decode() if active else None

    def holds(self, cookie: str | None) -> bool:
        """Whether this cookie is ours, not too old, and of a key that is still active."""
        return not self.needed or any(self._signed(cookie or "", key) for key in self._keys)

    def has_key(self, authorization: str) -> bool:
        """Whether the header `Authorization: Bearer <key>` has an active key."""
        scheme, _, given = authorization.partition(" ")
        digest = _digest(given.strip())
        matches = [hmac.compare_digest(_digest(key), digest) for key in self._keys]
        return scheme.lower() == "bearer" and any(matches)

    def _signed(self, cookie: str, key: str) -> bool:
        try:
            return self._signer(key).unsign(cookie, max_age=self.max_age_s) == _VALUE.encode()
        except BadSignature:
            return False

    def _signer(self, key: str) -> TimestampSigner:
        return _Signer(key, self._clock)


class _Signer(TimestampSigner):
    def __init__(self, key: str, clock: Callable[[], float]) -> None:
        super().__init__(key, salt=_SALT, digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
