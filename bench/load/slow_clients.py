"""Clients that send or read slowly: each is disconnected, and other clients are not delayed."""

import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from bench.load.http_clients import Responses, probing
from bench.load.resource_sampler import MB, peaks
from bench.process_metrics import rss_mb
from bench.results import LoadResult
from shared.http.client_limits import BoundedH11Protocol

SEND_EVERY_S = 0.25
MARGIN_S = 5.0
QUIET_S = 2.0
CONNECT_WITHIN_S = 120.0
RECEIVE_BYTES = 4_096
MAX_UNREAD_MB = BoundedH11Protocol.max_unread_bytes / MB
HEAD = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Filler: "
BODY = b"\r\nContent-Length: 60000\r\n\r\n{"


def slow_senders(
    url: str,
    *,
    count: int,
    probe: str,
    within_s: float = BoundedH11Protocol.request_timeout_s,
    margin_s: float = MARGIN_S,
) -> LoadResult:
    """Half of the clients send their headers byte by byte, the other half a body."""
    quiet = _probe_quiet(url, probe)
    with probing(url, probe) as loaded:
        clients = [_connect(url, HEAD + BODY * (n % 2)) for n in range(count)]
        ended_s = _wait_for_ends(clients, _is_refused, within_s + 2 * margin_s)
    return LoadResult(
        f"{count} clients send a byte every {SEND_EVERY_S:g} s: half of them headers, half a body",
        f"`request_timeout_s` {within_s:g} s (shared/http/client_limits.py), then 408",
        f"{_ends(ended_s)}; other clients wait {loaded.latency()} (before: {quiet.latency()})",
        _held(ended_s, count, within_s + margin_s, loaded),
    )


def slow_readers(
    url: str,
    *,
    count: int,
    path: str,
    probe: str,
    pid: int,
    within_s: float = BoundedH11Protocol.read_timeout_s,
    margin_s: float = MARGIN_S,
) -> LoadResult:
    """All clients request a large response, and then read nothing of it."""
    quiet = _probe_quiet(url, probe)
    before_mb = rss_mb(pid)
    clients = [_connect(url, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
               for _ in range(count)]  # fmt: skip
    for client in clients:
        with suppress(ConnectionResetError):  # the first may have been ended already
            client.recv(1)
    with probing(url, probe) as loaded, peaks(lambda: {"mb": rss_mb(pid)}) as highest:
        ended_s = _wait_for_ends(clients, _is_reset, within_s + 2 * margin_s)
    return LoadResult(
        f"{count} clients request the largest page as JSON and do not read it",
        f"`read_timeout_s` {within_s:g} s, `max_unread_bytes` {MAX_UNREAD_MB:g} MB together "
        "(shared/http/client_limits.py), then the connection is ended",
        f"{_ends(ended_s)}; {before_mb:.0f} MB in memory before, {highest['mb']:.0f} MB at most, "
        f"{rss_mb(pid):.0f} MB afterwards; "
        f"other clients wait {loaded.latency()} (before: {quiet.latency()})",
        _held(ended_s, count, within_s + margin_s, loaded),
    )


def _probe_quiet(url: str, path: str) -> Responses:
    """The responses to a client while there is no load."""
    with probing(url, path) as quiet:
        time.sleep(QUIET_S)
    return quiet


def _connect(url: str, text: bytes) -> socket.socket:
    parts = urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    client.settimeout(CONNECT_WITHIN_S)
    client.connect((parts.hostname, parts.port))
    client.sendall(text)
    return client


def _wait_for_ends(
    clients: Sequence[socket.socket],
    has_ended: Callable[[socket.socket], bool],
    within_s: float,
) -> list[float]:
    """The times after which the connections were ended. Then all connections are closed."""
    started, ended_s, open_clients = time.monotonic(), list[float](), list(clients)
    while open_clients and time.monotonic() < started + within_s:
        ended = [client for client in open_clients if has_ended(client)]
        ended_s += [time.monotonic() - started] * len(ended)
        open_clients = [client for client in open_clients if client not in ended]
        time.sleep(SEND_EVERY_S)
    for client in clients:
        client.close()
    return ended_s


def _is_refused(client: socket.socket) -> bool:
    """Whether the service has answered 408, or has ended the idlest connection for a new one;
    otherwise one more byte is sent.
    """
    poll = select.poll()  # `select` supports no more than 1,024 files
    poll.register(client, select.POLLIN)
    try:
        if not poll.poll(0):
            client.send(b" ")
            return False
        response = client.recv(RECEIVE_BYTES)
        return not response or b" 408 " in response.partition(b"\r\n")[0]
    except ConnectionError:
        return True  # our byte arrived after the end, and the response was lost


def _is_reset(client: socket.socket) -> bool:
    """Whether the connection was reset; nothing is read."""
    poll = select.poll()
    poll.register(client, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _held(ended_s: Sequence[float], count: int, within_s: float, loaded: Responses) -> bool:
    in_time = len(ended_s) == count and max(ended_s, default=0) <= within_s
    return in_time and set(loaded.statuses) == {200}


def _ends(ended_s: Sequence[float]) -> str:
    return f"{len(ended_s)} ended, after {max(ended_s, default=0):.1f} s at most"
