"""Ports on the loopback address."""

import itertools
import os
import random
import socket

from shared.errors import MinuanoError

HOST = "127.0.0.1"
# Below those from which kernels serve connections that go out: none of them can take a port
# between our look and the server's start.
FIRST, END = 20_000, 32_000

# Each process goes on from a place of its own, and keeps others from the ports that it was given
# last by holding those of UDP with the same number, which nobody here uses for anything else.
_next = itertools.count(random.randrange(END - FIRST))  # noqa: S311
HELD = 200
_held: dict[int, int] = {}
"""File descriptors by port, the oldest first; the kernel closes them with the process."""


def free() -> int:
    """A port that is free now, and for others than this process for as long as it lives (but after
    hundreds).
    """
    for n in itertools.islice(_next, END - FIRST):
        port = FIRST + n % (END - FIRST)
        if port not in _held and _is_ours(port):
            return port
    raise MinuanoError(f"no port between {FIRST} and {END} is free")


def preferred(port: int) -> int:
    """This port if it is free, else another."""
    return port if _is_ours(port) else free()


def _is_ours(port: int) -> bool:
    """Whether nobody listens there and nobody else means to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holding:
        try:
            if port not in _held:
                holding.bind((HOST, port))
            with socket.create_server((HOST, port)):
                pass
        except OSError:
            return False
        if port not in _held:
            _held[port] = holding.detach()
    if len(_held) > HELD:
        os.close(_held.pop(next(iter(_held))))
    return True
