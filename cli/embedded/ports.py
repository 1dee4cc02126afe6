"""Ports on the loopback address."""

import itertools
import os
import random
import socket

from shared.errors import MinuanoError

HOST = "127.0.0.1"
# Below the ports that kernels give to outgoing connections: no such connection can take a port
# between the check and the server's start.
FIRST, END = 20_000, 32_000

# Each process begins at a random port. It reserves the last ports that it returned by binding the
# UDP ports with the same numbers, which Minuano uses for nothing else.
_next = itertools.count(random.randrange(END - FIRST))  # noqa: S311
MAX_RESERVED = 200
_reserved: dict[int, int] = {}
"""File descriptors by port, the oldest first; the kernel closes them when the process ends."""


def free() -> int:
    """A free port. Other processes of Minuano do not get it while this process lives, until this
    process has taken `MAX_RESERVED` more ports.
    """
    for n in itertools.islice(_next, END - FIRST):
        port = FIRST + n % (END - FIRST)
        if port not in _reserved and _reserve(port):
            return port
    raise MinuanoError(f"no port between {FIRST} and {END} is free")


def preferred(port: int) -> int:
    """This port if it is free, else another free port."""
    return port if _reserve(port) else free()


def _reserve(port: int) -> bool:
    """Reserve the port; False if a process listens there or another process has reserved it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reservation:
        try:
            if port not in _reserved:
                reservation.bind((HOST, port))
            with socket.create_server((HOST, port)):
                pass
        except OSError:
            return False
        if port not in _reserved:
            _reserved[port] = reservation.detach()
    if len(_reserved) > MAX_RESERVED:
        os.close(_reserved.pop(next(iter(_reserved))))
    return True
