"""Clients that send or read slowly, or too many of them, are disconnected; others are served."""

import contextlib
import errno
import json
import socket
from contextlib import AbstractContextManager

import pytest

from shared import metrics
from tests.integration.serving import LARGE, LONG_S, Address, Timers, get, served
from tests.polling import wait_until

BODY = b"b" * 99
HEAD = b"POST /jobs HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n"
TIMEOUT_S = 100.0
REQUEST_S, READ_S = 20.0, 60.0


@pytest.fixture
def timers() -> Timers:
    return Timers()


def _bounded(timers: Timers) -> AbstractContextManager[Address]:
    """A service whose time passes only when the test says so."""
    return served(timers=timers, request_timeout_s=REQUEST_S, read_timeout_s=READ_S)


def _connected(address: Address) -> socket.socket:
    return socket.create_connection(address, timeout=TIMEOUT_S)


def _exchange(client: socket.socket) -> None:
    """One request and its response; fails if the response is incomplete."""
    client.sendall(HEAD + BODY)
    response = b""
    while not response.endswith(BODY):
        data = client.recv(4096)
        assert data, "the connection has ended"
        response += data


def _send_slowly(client: socket.socket, timers: Timers, *pieces: bytes) -> None:
    """Send the pieces with a pause before each; together they exceed the time of a request."""
    for piece in pieces:
        wait_until(lambda: timers.running(REQUEST_S), what="the timer of the request")
        timers.elapse(0.6 * REQUEST_S)
        with contextlib.suppress(OSError):  # the service may have closed the connection
            client.sendall(piece)


def _count_remaining_bytes(client: socket.socket) -> int:
    """The number of bytes until the connection has ended."""
    count = 0
    try:
        while data := client.recv(2**20):
            count += len(data)
    except ConnectionResetError:
        pass
    return count


def _is_reset(client: socket.socket) -> bool:
    """Whether the service has reset the connection; this does not read from it."""
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def _status(response: bytes) -> int:
    head, _, body = response.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["status"] == status
    return status


@pytest.mark.parametrize(
    ("first", "pieces"),
    [(b"GET / HTTP/1.1\r\n", (b"Host: ", b"h")), (HEAD, (b"b", b"b"))],
    ids=["head", "body"],
)
def test_a_slow_request_gets_408(timers: Timers, first: bytes, pieces: tuple[bytes, ...]) -> None:
    with _bounded(timers) as address, _connected(address) as client:
        client.sendall(first)
        _send_slowly(client, timers, *pieces)
        assert _status(client.recv(4096)) == 408


def test_a_silent_connection_is_closed_and_an_idle_one_is_kept(timers: Timers) -> None:
    with _bounded(timers) as address, _connected(address) as idle:
        _exchange(idle)
        with _connected(address) as silent:
            wait_until(
                lambda: timers.running(REQUEST_S) == 1,
                what="only the timer of the silent connection",
            )
            timers.elapse(REQUEST_S)
            assert _status(silent.recv(4096)) == 408
            assert silent.recv(4096) == b""
        _exchange(idle)


def test_each_request_has_its_own_timer(timers: Timers) -> None:
    with _bounded(timers) as address, _connected(address) as client:
        _exchange(client)
        wait_until(lambda: not timers.running(REQUEST_S), what="the end of the first request")
        timers.elapse(0.9 * REQUEST_S)
        client.sendall(HEAD)
        wait_until(lambda: timers.running(REQUEST_S), what="the second request")
        timers.elapse(0.9 * REQUEST_S)
        assert timers.running(REQUEST_S)
        timers.elapse(0.2 * REQUEST_S)
        assert _status(client.recv(4096)) == 408


def test_other_clients_are_served_while_many_send_slowly() -> None:
    with served() as address:
        slow = [_connected(address) for _ in range(100)]
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\n")
        assert get(address).text == '"here"'
        for client in slow:
            client.close()


def test_an_unread_response_is_aborted(timers: Timers) -> None:
    before = _closed_count("unread")
    with _bounded(timers) as address, _connected(address) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until(lambda: timers.running(READ_S), what="the timer of the response")
        timers.elapse(READ_S)
        wait_until(lambda: _is_reset(client), what="the end of the connection")
        assert _closed_count("unread") == before + 1
        assert _count_remaining_bytes(client) < len(LARGE)


def test_a_large_response_that_is_read_is_complete() -> None:
    with served() as address, _connected(address) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert _count_remaining_bytes(client) > len(LARGE)


def test_the_oldest_unread_response_is_aborted_if_there_are_too_many_bytes() -> None:
    before = _closed_count("unread_too_much")
    with served(max_unread_bytes=2 * len(LARGE), unread_grace_s=0) as address:
        clients = [_connected(address) for _ in range(3)]
        for client in clients:
            client.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            client.recv(1)
        wait_until(lambda: _is_reset(clients[0]), what="room")
        assert _closed_count("unread_too_much") == before + 1
        assert [_count_remaining_bytes(client) < len(LARGE) for client in clients] == [
            True,
            False,
            False,
        ]
        for client in clients:
            client.close()


def test_a_recent_unread_response_is_kept() -> None:
    before = _closed_count("unread_too_much")
    with served(max_unread_bytes=len(LARGE), unread_grace_s=LONG_S) as address:
        clients = [_connected(address) for _ in range(3)]
        for client in clients:
            client.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            client.recv(1)
        assert [_count_remaining_bytes(client) > len(LARGE) for client in clients] == [True] * 3
        assert _closed_count("unread_too_much") == before
        for client in clients:
            client.close()


def _closed_count(reason: str) -> float:
    return float(metrics.http_connections_closed.labels(reason)._value.get())
