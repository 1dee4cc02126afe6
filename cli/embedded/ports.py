"""Ports on the loopback address."""

import itertools
import random
import socket

from shared.errors import MinuanoError

HOST = "127.0.0.1"
# Below those from which kernels serve connections that go out: none of them can take a port
# between our look and the server's start.
FIRST, END = 20_000, 32_000

# Each process goes on from a place of its own, so that two seldom look at the same port.
_next = itertools.count(random.randrange(END - FIRST))  # noqa: S311


def free() -> int:
    """A port that is free now, and that this process was not given before (but after thousands)."""
    for n in itertools.islice(_next, END - FIRST):
        port = FIRST + n % (END - FIRST)
        if _is_free(port):
            return port
    raise MinuanoError(f"no port between {FIRST} and {END} is free")


def preferred(port: int) -> int:
    """This port if it is free, else another."""
    return port if _is_free(port) else free()


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((HOST, port)):
            return True
    except OSError:
        return False
