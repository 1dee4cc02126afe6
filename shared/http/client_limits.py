"""Connections whose other end is slow, or many: each has so long to send a request and to take an
answer. uvicorn bounds only the pause between one request and the next.
"""

import asyncio
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from operator import itemgetter
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, Protocol

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared import metrics
from shared.http import problem_details

MAX_CONNECTIONS = struct.pack("ii", 1, 0)


class Timer(Protocol):
    """Something that happens later, unless it is cancelled."""

    def when(self) -> float: ...
    def cancel(self) -> None: ...


class Timers(Protocol):
    """What an event loop has of a clock."""

    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer: ...


class BoundedH11Protocol(H11Protocol):
    """One connection of a client, and the bounds of what it may hold."""

    request_within_s = 20.0
    """From the connection, or from a later request's first byte, to the request's last byte."""
    taken_within_s = 60.0
    """For how long an answer may lie here because the client does not read on."""
    max_unread_bytes = 128 * 2**20
    """What answers may hold together; beyond it those give way that have lain longest, if that is
    `overdue_s` or more: whoever reads gets the time to do so.
    """
    overdue_s = 5.0
    max_connections = 800
    """More are answered 503: a process has 1,024 files on many systems, and needs some itself."""

    timers: Timers | None = None
    """Whose time counts: that of the event loop, if it is None."""

    _sending: Timer | None = None
    _taking: Timer | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._sending = self._clock.call_later(self.request_within_s, self._sends_too_slowly)
        if len(self.connections) > self.max_connections:
            detail = f"{self.max_connections} connections are open; that is the limit"
            self._end_with(503, detail, problem_details.RETRY_AFTER)
            metrics.http_connections_closed.labels("too_many").inc()

    def connection_lost(self, exc: Exception | None) -> None:
        self._sending_ended()
        self._taking_ended()
        super().connection_lost(exc)

    @property
    def _clock(self) -> Timers:
        return self.timers or self.loop

    # -- sending a request

    def handle_events(self) -> None:
        super().handle_events()
        if not self._is_within_a_request():
            self._sending_ended()
        elif self._sending is None:
            self._sending = self._clock.call_later(self.request_within_s, self._sends_too_slowly)

    def _is_within_a_request(self) -> bool:
        """Whether some of a request has come, and not all of it."""
        state = self.conn.their_state
        return state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))

    def _sending_ended(self) -> None:
        if self._sending:
            self._sending.cancel()
        self._sending = None

    def _sends_too_slowly(self) -> None:
        metrics.http_connections_closed.labels("slow_request").inc()
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
        else:
            self._end_with(408, f"a request has to be here within {self.request_within_s:g} s", {})

    def _end_with(self, status: int, detail: str, headers: Mapping[str, str]) -> None:
        """Answer what is no request yet: no app has heard of it."""
        answer = problem_details.problem_response(status, detail, headers=headers)
        answer.headers["Connection"] = "close"
        lines = [b": ".join(header) for header in answer.raw_headers]
        status_line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()
        self.transport.write(b"\r\n".join([status_line, *lines, b"", bytes(answer.body)]))
        self.transport.close()

    # -- taking an answer

    def pause_writing(self) -> None:
        super().pause_writing()
        # Not `close`: that would wait until everything is taken.
        give_up = partial(self._give_up, "unread")
        self._taking = self._clock.call_later(self.taken_within_s, give_up)
        self._make_room()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taking_ended()

    def _taking_ended(self) -> None:
        if self._taking:
            self._taking.cancel()
        self._taking = None

    def _make_room(self) -> None:
        lying = sorted(_with_unread(self.connections), key=itemgetter(0))
        unread = sum(size for _, size, _ in lying)
        overdue_at = self._clock.time() + self.taken_within_s - self.overdue_s
        for given_up_at, size, give_up in lying:
            if unread <= self.max_unread_bytes or given_up_at > overdue_at:
                return
            unread -= size
            give_up("unread_too_much")

    def _give_up(self, reason: str) -> None:
        metrics.http_connections_closed.labels(reason).inc()
        self._taking_ended()
        # A reset: the kernel would keep what it has, and the client would not hear of the end.
        self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, MAX_CONNECTIONS)
        self.transport.abort()


def _with_unread(connections: Iterable[Any]) -> Iterator[tuple[float, int, Callable[[str], None]]]:
    """When it would be given up, how much lies there, and how to give it up: of each connection
    that has an answer which is not taken.
    """
    for each in connections:
        if isinstance(each, BoundedH11Protocol) and each._taking:
            yield each._taking.when(), each.transport.get_write_buffer_size(), each._give_up
