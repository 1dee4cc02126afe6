"""Too many connections: the idlest end, of the same address first, and health stays reachable."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.serving import Address, get, served
from tests.polling import wait_until

TIMEOUT_S = 20.0
OTHER = "127.0.0.2"
BUSY = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""Its response is not read, so the service is busy with it."""
IDLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTH = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Clients:
    """Connections to a service, which are closed at the end."""

    def __init__(self, service: Address, until: ExitStack) -> None:
        self._service, self._until = service, until

    def connect(self, request: bytes, source: str = "127.0.0.1") -> socket.socket:
        """A connection from `source` that has sent a request and read the first bytes of the
        response.
        """
        client = socket.create_connection(self._service, TIMEOUT_S, source_address=(source, 0))
        self._until.enter_context(client)
        client.sendall(request)
        client.recv(1)
        return client


@pytest.fixture
def until() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _clients(until: ExitStack, *, of_all: int, of_one: int = 500) -> Clients:
    """A service that allows so many connections, of all addresses and of one."""
    limits: dict[str, Any] = {"max_connections": of_all, "max_connections_per_address": of_one}
    return Clients(until.enter_context(served(**limits)), until)


def _is_closed(client: socket.socket) -> bool:
    client.settimeout(0)
    try:
        while client.recv(2**20):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True


def _status(client: socket.socket) -> bytes:
    """The status of a response whose first byte has been read."""
    return client.recv(2**16).split(b" ")[1]


def test_many_silent_connections_do_not_keep_others_out(until: ExitStack) -> None:
    address = until.enter_context(served(max_connections=100))
    for _ in range(110):
        until.enter_context(socket.create_connection(address, TIMEOUT_S))
    assert get(address).status_code == 200
    assert get(address, "/health/live").status_code == 200


def test_the_connection_that_has_been_idle_longest_ends_for_a_new_one(until: ExitStack) -> None:
    clients = _clients(until, of_all=3)
    first, second, third = (clients.connect(IDLE) for _ in range(3))
    first.recv(2**16)
    first.sendall(IDLE)
    first.recv(1)
    fourth = clients.connect(IDLE)
    wait_until(lambda: _is_closed(second), what="the end of the idlest connection")
    assert [_is_closed(client) for client in (first, third, fourth)] == [False] * 3


def test_a_connection_with_an_open_response_stays(until: ExitStack) -> None:
    clients = _clients(until, of_all=2)
    busy, idle = clients.connect(BUSY), clients.connect(IDLE)
    assert _status(clients.connect(IDLE)) == b"200"
    wait_until(lambda: _is_closed(idle), what="the end of the idle connection")
    assert not _is_closed(busy)


def test_an_address_loses_only_its_own_connections(until: ExitStack) -> None:
    clients = _clients(until, of_all=6, of_one=2)
    other = clients.connect(IDLE, OTHER)
    own = [clients.connect(IDLE) for _ in range(4)]
    wait_until(lambda: [_is_closed(client) for client in own] == [True, True, False, False],
               what="the end of the oldest connections of the same address")  # fmt: skip
    assert not _is_closed(other)


def test_beyond_the_limits_health_checks_are_answered_and_all_else_is_refused(
    until: ExitStack,
) -> None:
    clients = _clients(until, of_all=2)
    for _ in range(2):
        clients.connect(BUSY)
    assert _status(clients.connect(HEALTH)) == b"200"
    refused = clients.connect(IDLE).recv(2**16)
    assert b" 503 " in refused
    assert b"retry-after: 2" in refused
    assert b"connection: close" in refused


def test_idle_connections_do_not_keep_health_checks_out(until: ExitStack) -> None:
    address = until.enter_context(served(max_connections=1, max_health_connections=2))
    clients = Clients(address, until)
    clients.connect(BUSY)
    for _ in range(3):
        until.enter_context(socket.create_connection(address, TIMEOUT_S))
    assert _status(clients.connect(HEALTH)) == b"200"
