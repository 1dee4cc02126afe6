"""Sessions: signing in with an active key sets a signed cookie.

The cookie contains a timestamp, signed with a secret derived from the key, and never the key.
Removing a key from `MINUANO_API_KEY` ends the sessions that were started with it.
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
    """Checks keys and cookies. Without any key, every request is allowed."""

    def __init__(
        self, keys: SecretStr | None, *, hours: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._keys: Sequence[str] = split_names(keys.get_secret_value()) if keys else ()
        self.max_age_s = round(hours * 3600)

    @property
    def needed(self) -> bool:
        """Whether users must sign in."""
        return bool(self._keys)

    def begin(self, key: str) -> str | None:
        """The value of the cookie; None if the key is not active."""
        active = self._active_key(key)
        return self._signer(active).sign(_VALUE).decode() if active else None

    def is_valid(self, cookie: str | None) -> bool:
        """Whether the cookie is signed with an active key and not expired."""
        return not self.needed or any(self._is_signed(cookie or "", key) for key in self._keys)

    def has_key(self, authorization: str) -> bool:
        """Whether the header `Authorization: Bearer <key>` contains an active key."""
        scheme, _, key = authorization.partition(" ")
        return scheme.lower() == "bearer" and self._active_key(key.strip()) is not None

    def _active_key(self, key: str) -> str | None:
        """The key, if it is active. All keys are compared in constant time."""
        matches = [k for k in self._keys if hmac.compare_digest(_digest(k), _digest(key))]
        return matches[0] if matches else None

    def _is_signed(self, cookie: str, key: str) -> bool:
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
