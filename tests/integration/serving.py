"""A service of this process whose connections have the bounds that a test wants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import httpx
from fastapi import Body, FastAPI, Response

from cli.embedded import ports
from shared import service
from shared.connections import Connection
from shared.settings import ServiceSettings
from tests.polling import wait_until

LARGE = b"x" * 20_000_000
LONG_S = 40.0

Address = tuple[str, int]


@contextmanager
def served(**bounds: float) -> Iterator[Address]:
    """A service whose connections have these bounds, and long ones else."""
    settings = ServiceSettings(port=ports.free())
    usual = {"request_within_s": LONG_S, "taken_within_s": LONG_S}
    bounded = type("Bounded", (Connection,), {**usual, **bounds})
    stop = threading.Event()
    work = threading.Thread(
        target=service.run, args=(_app(), settings, stop), kwargs={"connection": bounded}
    )
    work.start()
    address = (settings.host, settings.port)
    try:
        wait_until(lambda: answers(address), what="the service")
        yield address
    finally:
        stop.set()
        work.join()


def get(address: Address, path: str = "/") -> httpx.Response:
    """The answer to somebody else."""
    return httpx.get(url(address) + path, timeout=60, trust_env=False)


def url(address: Address) -> str:
    return f"http://{address[0]}:{address[1]}"


def answers(address: Address) -> bool:
    """Whether somebody else is served."""
    try:
        return get(address).is_success
    except httpx.TransportError:
        return False


def _app() -> FastAPI:
    app = FastAPI()
    app.add_api_route("/", lambda: "here")
    app.add_api_route("/large", lambda: Response(LARGE))
    app.add_api_route("/jobs", _echo, methods=["POST"])
    return app


def _echo(body: Annotated[bytes, Body()]) -> Response:
    return Response(body)
