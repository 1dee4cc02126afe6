"""Sessions: signing in with an active key sets a signed cookie.

The cookie contains a timestamp, signed with a secret derived from the key, and never the key.
Removing a key from `MINUANO_API_KEY` ends the sessions that were started with it.
"""

import hashlib
from collections.abc import Sequence

from itsdangerous import BadSignature, TimestampSigner
from pydantic import SecretStr

from shared.http.app import active_key
from shared.setting_types import split_names

COOKIE = "minuano_session"
_VALUE = "signed-in"
_SALT = "minuano.dashboard.session"


class Sessions:
    """Checks keys and cookies. Without any key, every request is allowed."""

    def __init__(self, keys: SecretStr | None, *, hours: float) -> None:
        self._keys: Sequence[str] = split_names(keys.get_secret_value()) if keys else ()
        self.max_age_s = round(hours * 3600)

    @property
    def needed(self) -> bool:
        """Whether users must sign in."""
        return bool(self._keys)

    def begin(self, key: str) -> str | None:
        """The value of the cookie; None if the key is not active."""
        active = active_key(key, self._keys)
        return _signer(active).sign(_VALUE).decode() if active else None

    def is_valid(self, cookie: str | None) -> bool:
        """Whether the cookie is signed with an active key and not expired."""
        return not self.needed or any(self._is_signed(cookie or "", key) for key in self._keys)

    def has_key(self, authorization: str) -> bool:
        """Whether the header `Authorization: Bearer <key>` contains an active key."""
        scheme, _, key = authorization.partition(" ")
        return scheme.lower() == "bearer" and active_key(key.strip(), self._keys) is not None

    def _is_signed(self, cookie: str, key: str) -> bool:
        try:
            return _signer(key).unsign(cookie, max_age=self.max_age_s) == _VALUE.encode()
        except BadSignature:
            return False


def _signer(key: str) -> TimestampSigner:
    return TimestampSigner(key, salt=_SALT, digest_method=hashlib.sha256)
