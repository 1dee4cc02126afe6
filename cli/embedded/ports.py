"""Ports on the loopback address."""

import socket

HOST = "127.0.0.1"


def free() -> int:
    """A port that is free now."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def preferred(port: int) -> int:
    """This port if it is free, else another."""
    try:
        with socket.create_server((HOST, port)):
            return port
    except OSError:
        return free()
