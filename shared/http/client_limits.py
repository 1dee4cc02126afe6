"""Connections with limits: the time a client has to send a request and to read the response, and
the number of connections, of one address and of all. uvicorn limits only the pause between two
requests.
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from operator import itemgetter
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared import metrics
from shared.http import problem_details
from shared.http.addresses import client_network
from shared.http.health_only import HealthOnly
from shared.http.strict_h11 import StrictConnection

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class BoundedH11Protocol(H11Protocol):
    """One connection of a client, with limits."""

    request_timeout_s = 20.0
    """From the connection, or a later request's first byte, to the last byte of the request."""
    read_timeout_s = 60.0
    """How long a response may wait in memory because the client does not read."""
    max_unread_bytes = 128 * 2**20
    """The most that all waiting responses may hold together. Beyond it the connections that have
    waited longest are closed, but none that has waited less than `unread_grace_s`.
    """
    unread_grace_s = 5.0
    max_connections = 750
    """Of all addresses: on many systems a process may open 1,024 files, and it needs some itself.
    For one more, the connection that has been idle longest is closed. If none is idle, the new one
    gets 503, except for health checks.
    """
    max_connections_per_address = 500
    """The same for one address. It then loses only its own connections."""
    max_health_connections = 50
    """Connections beyond these limits, which can only check the health of the service."""

    timers: asyncio.AbstractEventLoop | None = None
    """The event loop that measures time; None means that of the connection."""

    _request_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None
    _idle_since = 0.0
    _is_health_only = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = StrictConnection(h11.SERVER)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._network = client_network(self.client[0]) if self.client else ""
        self._idle_since = self._clock.time()
        self._request_timer = self._start_request_timer()
        if len(self.connections) > min(self.max_connections, self.max_connections_per_address):
            self._enforce_max_connections()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_request_timer()
        self._stop_read_timer()
        super().connection_lost(exc)

    @property
    def _clock(self) -> asyncio.AbstractEventLoop:
        return self.timers or self.loop

    # -- too many connections

    def _enforce_max_connections(self) -> None:
        others = [
            c
            for c in self.connections
            if isinstance(c, BoundedH11Protocol) and c is not self and not c.transport.is_closing()
        ]
        usual = [c for c in others if not c._is_health_only]
        same = [c for c in usual if c._network == self._network]
        if len(same) >= self.max_connections_per_address:
            has_room = _close_idlest(same)
        else:
            has_room = len(usual) < self.max_connections or _close_idlest(usual)
        if not has_room:
            self._limit_to_health([c for c in others if c._is_health_only])

    def _limit_to_health(self, others: Sequence["BoundedH11Protocol"]) -> None:
        metrics.http_connections_closed.labels("too_many").inc()
        self._is_health_only = True
        self.app = HealthOnly(self.app)
        if len(others) >= self.max_health_connections and not _close_idlest(others):
            self._refuse(503, "too many connections are open", problem_details.RETRY_AFTER)

    @property
    def _is_busy(self) -> bool:
        """Whether a whole request has arrived and its response is not sent yet."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return self._read_timer is not None or not (self._request_timer or is_answered)

    def on_response_complete(self) -> None:
        self._idle_since = self._clock.time()
        super().on_response_complete()

    # -- the client sends a request

    def handle_events(self) -> None:
        super().handle_events()
        if not self._is_within_a_request():
            self._stop_request_timer()
        elif self._request_timer is None:
            self._request_timer = self._start_request_timer()

    def _is_within_a_request(self) -> bool:
        """Whether a request has arrived in part."""
        state = self.conn.their_state
        return state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))

    def _start_request_timer(self) -> asyncio.TimerHandle:
        return self._clock.call_later(self.request_timeout_s, self._on_slow_request)

    def _stop_request_timer(self) -> None:
        if self._request_timer:
            self._request_timer.cancel()
        self._request_timer = None

    def _on_slow_request(self) -> None:
        metrics.http_connections_closed.labels("slow_request").inc()
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
        else:
            detail = f"the whole request must arrive within {self.request_timeout_s:g} s"
            self._refuse(408, detail, {})

    def _refuse(self, status: int, detail: str, headers: Mapping[str, str]) -> None:
        """Send an error without the app, which has not received the request, and close."""
        response = problem_details.problem_response(status, detail, headers=headers)
        response.headers["Connection"] = "close"
        lines = [b": ".join(header) for header in response.raw_headers]
        status_line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
        self.transport.write(b"\r\n".join([status_line, *lines, b"", bytes(response.body)]))
        self.transport.close()

    # -- the client reads a response

    def pause_writing(self) -> None:
        super().pause_writing()
        abort = partial(self._abort, "unread")
        self._read_timer = self._clock.call_later(self.read_timeout_s, abort)
        self._enforce_max_unread()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_read_timer()

    def _stop_read_timer(self) -> None:
        if self._read_timer:
            self._read_timer.cancel()
        self._read_timer = None

    def _enforce_max_unread(self) -> None:
        waiting = [  # those whose client does not read
            (c._read_timer.when(), c.transport.get_write_buffer_size(), c._abort)
            for c in self.connections
            if isinstance(c, BoundedH11Protocol) and c._read_timer
        ]
        waiting.sort(key=itemgetter(0))
        unread = sum(size for _, size, _ in waiting)
        latest_deadline = self._clock.time() + self.read_timeout_s - self.unread_grace_s
        for deadline, size, abort in waiting:
            if unread <= self.max_unread_bytes or deadline > latest_deadline:
                return
            unread -= size
            abort("unread_too_much")

    def _abort(self, reason: str) -> None:
        """Reset the connection: `close` would wait until the client has read everything, and
        without a reset the client would not notice the end.
        """
        metrics.http_connections_closed.labels(reason).inc()
        self._stop_read_timer()
        self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()


def _close_idlest(connections: Sequence[BoundedH11Protocol]) -> bool:
    """Close the connection that has been idle longest, if one is idle."""
    idle = [c for c in connections if not c._is_busy]
    if idle:
        metrics.http_connections_closed.labels("idlest").inc()
        min(idle, key=lambda c: c._idle_since).transport.abort()
    return bool(idle)
