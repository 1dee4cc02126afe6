"""Clients that send or read slowly: each is ended by its bound, and others are not delayed."""

import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from bench.load.http_clients import Responses, probing
from bench.load.resource_sampler import MB, rss_mb
from bench.load.result import Limit
from shared.http.client_limits import BoundedH11Protocol

DRIP_EVERY_S = 0.25
MARGIN_S = 5.0
USUAL_S = 2.0
CONNECT_WITHIN_S = 120.0
RECEIVE_BYTES = 4_096
HEAD = b"POST /jobs HTTP/1.1\r\nHost: minuano\r\nContent-Type: application/json\r\nX-Filler: "
BODY = b"\r\nContent-Length: 60000\r\n\r\n{"


def senders(
    url: str,
    *,
    count: int,
    probe: str,
    tell: Callable[[str], None],
    within_s: float = BoundedH11Protocol.request_within_s,
    margin_s: float = MARGIN_S,
) -> Limit:
    """Half of the clients send their headers byte by byte, the other half a body."""
    tell(f"{count} clients that send slowly")
    with probing(url, probe) as usual:
        time.sleep(USUAL_S)
    with probing(url, probe) as other:
        clients = [_connected(url, HEAD + BODY * (n % 2)) for n in range(count)]
        ended_s = _dripped(clients, within_s + 2 * margin_s)
    held = len(ended_s) == count and max(ended_s, default=0) <= within_s + margin_s
    return Limit(
        f"{count} clients send a byte each {DRIP_EVERY_S:g} s: half of them headers, half a body",
        f"`request_within_s` {within_s:g} s (shared/http/client_limits.py), then 408",
        f"{len(ended_s)} ended, after {max(ended_s, default=0):.1f} s at most; "
        + _meanwhile(other, usual),
        held and _served(other),
    )


def readers(
    url: str,
    *,
    count: int,
    path: str,
    probe: str,
    pid: int,
    tell: Callable[[str], None],
    within_s: float = BoundedH11Protocol.taken_within_s,
    unread_mb: float = BoundedH11Protocol.max_unread_bytes / MB,
    margin_s: float = MARGIN_S,
) -> Limit:
    """All ask for a large answer, and then take nothing of it."""
    tell(f"{count} clients that do not read")
    with probing(url, probe) as usual:
        time.sleep(USUAL_S)
    before_mb = rss_mb(pid)
    clients = _asking(url, path, count)
    with probing(url, probe) as other:
        highest_mb, ended_s = _unread(clients, pid, within_s + 2 * margin_s)
    held = len(ended_s) == count and max(ended_s, default=0) <= within_s + margin_s
    return Limit(
        f"{count} clients ask for the largest page as JSON and do not read it",
        f"`taken_within_s` {within_s:g} s, `max_unread_bytes` {unread_mb:g} MB together "
        "(shared/http/client_limits.py), then the connection is ended",
        f"{len(ended_s)} ended, after {max(ended_s, default=0):.1f} s at most; "
        f"{before_mb:.0f} MB in memory before, {highest_mb:.0f} MB at most, "
        f"{rss_mb(pid):.0f} MB afterwards; " + _meanwhile(other, usual),
        held and _served(other),
    )


def _connected(url: str, text: bytes) -> socket.socket:
    split = urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    client.settimeout(CONNECT_WITHIN_S)
    client.connect((split.hostname, split.port))
    client.sendall(text)
    return client


def _asking(url: str, path: str, count: int) -> list[socket.socket]:
    """Clients whose answers have all begun."""
    request = f"GET {path} HTTP/1.1\r\nHost: minuano\r\n\r\n".encode()
    clients = [_connected(url, request) for _ in range(count)]
    for client in clients:
        with suppress(ConnectionResetError):  # the first may have been ended by now
            client.recv(1)
    return clients


def _dripped(clients: Sequence[socket.socket], within_s: float) -> list[float]:
    """Send a byte now and then; return after how long each connection was ended with 408."""
    started, ended_s, left = time.monotonic(), [], list(clients)
    while left and time.monotonic() < started + within_s:
        for client in list(left):
            if _refused(client):
                ended_s.append(time.monotonic() - started)
                left.remove(client)
                client.close()
        time.sleep(DRIP_EVERY_S)
    _close(left)
    return ended_s


def _refused(client: socket.socket) -> bool:
    """Whether the other end has answered 408; else one more byte is sent."""
    poll = select.poll()  # `select` knows no more than 1,024 files
    poll.register(client, select.POLLIN)
    try:
        if not poll.poll(0):
            client.send(b" ")
            return False
        return b" 408 " in client.recv(RECEIVE_BYTES).partition(b"\r\n")[0]
    except ConnectionError:
        return True  # our byte met the end, and the answer was lost


def _unread(
    clients: Sequence[socket.socket], pid: int, within_s: float
) -> tuple[float, list[float]]:
    """The most that the process has in memory, and after how long each connection was ended."""
    started, highest_mb = time.monotonic(), 0.0
    ended_s, left = [], list(clients)
    while left and time.monotonic() < started + within_s:
        highest_mb = max(highest_mb, rss_mb(pid))
        for client in [each for each in left if _is_ended(each)]:
            ended_s.append(time.monotonic() - started)
            left.remove(client)
            client.close()
        time.sleep(DRIP_EVERY_S)
    _close(left)
    return highest_mb, ended_s


def _is_ended(client: socket.socket) -> bool:
    """Whether the connection was reset, seen without reading what came before."""
    poll = select.poll()
    poll.register(client, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _close(clients: Sequence[socket.socket]) -> None:
    for client in clients:
        client.close()


def _served(other: Responses) -> bool:
    return set(other.statuses) == {200}


def _meanwhile(other: Responses, usual: Responses) -> str:
    return (
        f"others wait p50 {other.ms(0.5):.0f} ms, p99 {other.ms(0.99):.0f} ms "
        f"(before: {usual.ms(0.5):.0f} and {usual.ms(0.99):.0f})"
    )
