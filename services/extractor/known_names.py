"""The names that the source has, remembered for a short time."""

import time
from collections.abc import Callable, Sequence

CACHED_S = 30.0


class KnownNames:
    """Variables or assets of the source, which `read` returns. They are read again after `CACHED_S`
    and where a name is unknown.
    """

    def __init__(self, read: Callable[[], Sequence[str]]) -> None:
        self._read = read
        self._names: Sequence[str] = ()
        self._until = 0.0

    def unknown(self, names: Sequence[str]) -> tuple[list[str], Sequence[str]]:
        """The names that the source does not have, and all names that it has. Raises what `read`
        raises.
        """
        if time.monotonic() > self._until or not set(names) <= set(self._names):
            self._names = self._read()
            self._until = time.monotonic() + CACHED_S
        return sorted(set(names) - set(self._names)), self._names
