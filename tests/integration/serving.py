"""A service in this process whose connections have limits that the test sets."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
from fastapi import Body, FastAPI, Response

from cli.embedded import ports
from shared import service
from shared.http.client_limits import BoundedH11Protocol
from shared.settings import ServiceSettings
from tests.polling import wait_until

LARGE = b"x" * 20_000_000
LONG_S = 40.0

Address = tuple[str, int]


@dataclass(eq=False)
class _Timer:
    delay: float
    at: float
    callback: Callable[[], object]
    loop: asyncio.AbstractEventLoop
    is_open: bool = True

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        self.is_open = False

    def run(self) -> None:
        if self.is_open:
            self.is_open = False
            self.callback()


class Timers:
    """The timers of a service whose time passes only when the test calls `elapse`."""

    def __init__(self) -> None:
        self._now = 0.0
        self._all: list[_Timer] = []

    def time(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[[], object], /) -> _Timer:
        """Like the method of an event loop."""
        timer = _Timer(delay, self._now + delay, callback, asyncio.get_running_loop())
        self._all.append(timer)
        return timer

    def running(self, delay: float) -> int:
        """The number of open timers of so many seconds."""
        return sum(timer.is_open and timer.delay == delay for timer in self._all)

    def elapse(self, seconds: float) -> None:
        """Advance the time."""
        self._now += seconds
        for timer in self._all:
            if timer.is_open and timer.at <= self._now:
                timer.loop.call_soon_threadsafe(timer.run)


@contextmanager
def served(*, timers: Timers | None = None, **limits: float) -> Iterator[Address]:
    """A service whose connections have these limits; all others are long."""
    settings = ServiceSettings(port=ports.free())
    defaults = {"request_timeout_s": LONG_S, "read_timeout_s": LONG_S}
    protocol = type("Bounded", (BoundedH11Protocol,), {**defaults, **limits, "timers": timers})
    stop = threading.Event()
    thread = threading.Thread(
        target=service.run, args=(_app(), settings, stop), kwargs={"protocol": protocol}
    )
    thread.start()
    address = (settings.host, settings.port)
    try:
        wait_until(lambda: answers(address), what="the service")
        yield address
    finally:
        stop.set()
        thread.join()


def get(address: Address, path: str = "/") -> httpx.Response:
    """The response to another client."""
    return httpx.get(url(address) + path, timeout=60, trust_env=False)


def url(address: Address) -> str:
    return f"http://{address[0]}:{address[1]}"


def answers(address: Address) -> bool:
    """Whether another client is served."""
    try:
        return get(address).is_success
    except httpx.TransportError:
        return False


def _app() -> FastAPI:
    app = FastAPI()
    app.add_api_route("/", lambda: "here")
    app.add_api_route("/health/live", lambda: "alive")
    app.add_api_route("/large", lambda: Response(LARGE))
    app.add_api_route("/jobs", _echo, methods=["POST"])
    return app


def _echo(body: Annotated[bytes, Body()]) -> Response:
    return Response(body)
