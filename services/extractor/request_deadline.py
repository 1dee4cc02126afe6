"""A deadline for a whole HTTP request. The timeouts of httpx are per read: a server that sends one
byte at a time never exceeds them.
"""

import contextlib
import ssl
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from shared.clients import tls

_until: ContextVar[float] = ContextVar("until")


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """A request of this thread through a `DeadlineTransport` ends within so many seconds, or raises
    `httpx.TimeoutException`.
    """
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


class DeadlineTransport(httpx.HTTPTransport):
    """Connections that obey the `deadline` around them."""

    def __init__(self) -> None:
        super().__init__(verify=tls.context(), trust_env=False)
        # httpx offers no other way to set the (public) network backend of httpcore.
        self._pool = httpcore.ConnectionPool(ssl_context=tls.context(), network_backend=_Backend())


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        with _in_time(timeout, httpcore.ConnectTimeout) as left:
            return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _in_time(timeout, httpcore.ReadTimeout) as left:
            return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _in_time(timeout, httpcore.WriteTimeout) as left:
            self._stream.write(buffer, left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        with _in_time(timeout, httpcore.ConnectTimeout) as left:
            return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextlib.contextmanager
def _in_time(timeout: float | None, late: type[Exception]) -> Iterator[float | None]:
    """The timeout of one step; raises `late` when the deadline has passed."""
    until = _until.get(None)
    if until is None:
        yield timeout
        return
    left = until - time.monotonic()
    try:
        if left > 0:
            yield left if timeout is None else min(left, timeout)
            return
    except late:
        if time.monotonic() < until:
            raise
    raise late("the response takes longer than its deadline")
