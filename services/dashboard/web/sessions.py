"""Sessions: signing in with an active key sets a signed cookie.

The cookie contains the session's id and a timestamp, signed with a secret derived from the key, and
never the key. Removing a key from `MINUANO_API_KEY` ends the sessions that were started with it.
"""

import hashlib
import secrets

from itsdangerous import BadSignature, TimestampSigner
from pydantic import SecretStr

from shared.http.key_check import KeyCheck

COOKIE = "minuano_session"
ID_BYTES = 16
_SALT = "minuano.dashboard.session"


class Sessions:
    """Checks keys and cookies. Without any key, every request is allowed."""

    def __init__(self, keys: SecretStr | None, *, hours: float) -> None:
        self._check = KeyCheck(keys)
        self.max_age_s = round(hours * 3600)
        self.ended: set[str] = set()
        """The ids of sessions that were signed out."""

    @property
    def needed(self) -> bool:
        """Whether users must sign in."""
        return bool(self._check.keys)

    def begin(self, key: str, *, address: str) -> str | None:
        """The value of the cookie; None if the key is not active. Raises `HTTPException` 429 after
        many wrong keys from this address.
        """
        active = self._check.check(key, address)
        id = secrets.token_urlsafe(ID_BYTES)
        return _signer(active).sign(id).decode() if active else None

    def end(self, cookie: str | None) -> str | None:
        """End the session of this cookie and return its id; None if it is not valid."""
        if id := self._id(cookie):
            self.ended.add(id)
        return id

    def is_valid(self, cookie: str | None) -> bool:
        """Whether the cookie is signed with an active key, not expired and not signed out."""
        return not self.needed or self._id(cookie) is not None

    def has_key(self, authorization: str, *, address: str) -> bool:
        """Whether the header `Authorization: Bearer <key>` contains an active key. Raises like
        `begin`.
        """
        scheme, _, key = authorization.partition(" ")
        is_bearer = scheme.lower() == "bearer"
        return is_bearer and self._check.check(key.strip(), address) is not None

    def _id(self, cookie: str | None) -> str | None:
        """The id of a valid session."""
        ids = [self._signed_id(cookie or "", key) for key in self._check.keys]
        return next((id for id in ids if id and id not in self.ended), None)

    def _signed_id(self, cookie: str, key: str) -> str | None:
        try:
            return _signer(key).unsign(cookie, max_age=self.max_age_s).decode()
        except BadSignature:
            return None


def _signer(key: str) -> TimestampSigner:
    return TimestampSigner(key, salt=_SALT, digest_method=hashlib.sha256)
