"""Clients that send or read slowly, or are too many: a bound ends each, and others are served."""

import contextlib
import errno
import json
import socket
from contextlib import AbstractContextManager

import pytest

from shared import metrics
from tests.integration.serving import LARGE, LONG_S, Address, Timers, answers, get, served
from tests.polling import wait_until

BODY = b"b" * 99
HEAD = b"POST /jobs HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n"
GIVE_UP_S = 100.0
REQUEST_S, TAKEN_S = 20.0, 60.0


@pytest.fixture
def timers() -> Timers:
    return Timers()


def _bounded(timers: Timers) -> AbstractContextManager[Address]:
    """A service to which time passes as the test has it."""
    return served(timers=timers, request_within_s=REQUEST_S, taken_within_s=TAKEN_S)


def _connected(address: Address) -> socket.socket:
    return socket.create_connection(address, timeout=GIVE_UP_S)


def _exchange(client: socket.socket) -> None:
    """One whole request and its whole answer; `recv` raises or ends early if there is none."""
    client.sendall(HEAD + BODY)
    found = b""
    while not found.endswith(BODY):
        part = client.recv(4096)
        assert part, "the connection has ended"
        found += part


def _send_slowly(client: socket.socket, timers: Timers, *parts: bytes) -> None:
    """Send these parts with a pause before each, that together take longer than a request may."""
    for part in parts:
        wait_until(lambda: timers.running(REQUEST_S), what="the bound of a request")
        timers.elapse(0.6 * REQUEST_S)
        with contextlib.suppress(OSError):  # it may have been ended
            client.sendall(part)


def _rest(client: socket.socket) -> int:
    """How many bytes come until the connection has ended."""
    count = 0
    try:
        while found := client.recv(2**20):
            count += len(found)
    except ConnectionResetError:
        pass
    return count


def _is_reset(client: socket.socket) -> bool:
    """Whether the other end has given up; asked without reading, which would make room for more."""
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def _status(answer: bytes) -> int:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1])
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["status"] == status
    return status


@pytest.mark.parametrize(
    ("at_once", "parts"),
    [(b"GET / HTTP/1.1\r\n", (b"Host: ", b"h")), (HEAD, (b"b", b"b"))],
    ids=["head", "body"],
)
def test_a_request_that_comes_piece_by_piece_is_answered_408(
    timers: Timers, at_once: bytes, parts: tuple[bytes, ...]
) -> None:
    with _bounded(timers) as address, _connected(address) as client:
        client.sendall(at_once)
        _send_slowly(client, timers, *parts)
        assert _status(client.recv(4096)) == 408


def test_a_connection_that_sends_nothing_is_ended_and_an_idle_one_is_kept(timers: Timers) -> None:
    with _bounded(timers) as address, _connected(address) as idle:
        _exchange(idle)
        with _connected(address) as silent:
            wait_until(lambda: timers.running(REQUEST_S) == 1, what="the silent connection alone")
            timers.elapse(REQUEST_S)
            assert _status(silent.recv(4096)) == 408
            assert silent.recv(4096) == b""
        _exchange(idle)


def test_the_bound_begins_anew_with_each_request(timers: Timers) -> None:
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


def test_others_are_answered_while_many_send_slowly() -> None:
    with served() as address:
        slow = [_connected(address) for _ in range(100)]
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\n")
        assert get(address).text == '"here"'
        for client in slow:
            client.close()


def test_an_answer_that_is_not_taken_is_given_up(timers: Timers) -> None:
    before = _ended_by("unread")
    with _bounded(timers) as address, _connected(address) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until(lambda: timers.running(TAKEN_S), what="the bound of an answer")
        timers.elapse(TAKEN_S)
        wait_until(lambda: _is_reset(client), what="the end of the connection")
        assert _ended_by("unread") == before + 1
        assert _rest(client) < len(LARGE)


def test_an_answer_that_is_taken_is_whole_however_large() -> None:
    with served() as address, _connected(address) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert _rest(client) > len(LARGE)


def test_of_too_much_that_is_not_taken_the_oldest_gives_way() -> None:
    before = _ended_by("unread_too_much")
    with served(max_unread_bytes=2 * len(LARGE), overdue_s=0) as address:
        clients = [_connected(address) for _ in range(3)]
        for client in clients:
            client.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            client.recv(1)
        wait_until(lambda: _is_reset(clients[0]), what="room")
        assert _ended_by("unread_too_much") == before + 1
        assert [_rest(client) < len(LARGE) for client in clients] == [True, False, False]
        for client in clients:
            client.close()


def test_what_is_too_much_is_kept_while_it_may_still_be_read() -> None:
    before = _ended_by("unread_too_much")
    with served(max_unread_bytes=len(LARGE), overdue_s=LONG_S) as address:
        clients = [_connected(address) for _ in range(3)]
        for client in clients:
            client.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            client.recv(1)
        assert [_rest(client) > len(LARGE) for client in clients] == [True] * 3
        assert _ended_by("unread_too_much") == before
        for client in clients:
            client.close()


def test_one_connection_too_many_is_told_to_come_again() -> None:
    with served(max_connections=3) as address:
        clients = [_connected(address) for _ in range(3)]
        answer = get(address)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        for client in clients:
            client.close()
        wait_until(lambda: answers(address), what="a free connection")


def _ended_by(reason: str) -> float:
    return float(metrics.http_connections_closed.labels(reason)._value.get())
