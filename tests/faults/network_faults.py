"""Faults of connections: refused, cut, partitioned, slow, with lost or wrong responses."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from random import Random

from tests.faults.fault_stack import FaultStack
from tests.faults.fault_types import Fault, repeatedly

PAIRS = (
    "connector-source", "extractor-connector", "extractor-redis", "extractor-target",
    "aggregator-redis", "loader-redis", "loader-target",
)  # fmt: skip
SERVERS = ("source", "connector", "redis", "target")


@contextmanager
def disturb(
    where: str, field: str, value: object, fault_stack: FaultStack, _: Random
) -> Iterator[None]:
    """Disturb the connections of a pair such as `loader-redis`, or all connections to a server."""
    proxies = fault_stack.proxies_of(where)
    for proxy in proxies:
        setattr(proxy.disturbance, field, value)
        if field == "refuse":
            proxy.cut()
    try:
        yield
    finally:
        for proxy in proxies:
            proxy.clear_disturbance()


def cut(where: str, fault_stack: FaultStack, rng: Random) -> AbstractContextManager[None]:
    """Close all connections repeatedly."""

    def act() -> None:
        for proxy in fault_stack.proxies_of(where):
            proxy.cut()

    return repeatedly(act, pause_s=lambda: rng.uniform(0.05, 0.3))


def respond_with(status: bytes) -> Callable[[bytes], bytes]:
    """A response with this status and without a body, for every request."""
    return lambda _: b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"


def _disturbances(where: str, *names: str) -> dict[str, Fault]:
    changes: dict[str, tuple[str, object]] = {
        "refused": ("refuse", True),
        "partition": ("partitioned", True),
        "reply lost": ("lose_replies", True),
    }
    return {f"{where}: {name}": partial(disturb, where, *changes[name]) for name in names}


def _to_connector(field: str, value: object) -> Fault:
    return partial(disturb, "extractor-connector", field, value)


FAULTS: dict[str, Fault] = {
    **{name: fault for where in SERVERS for name, fault in _disturbances(where, "refused").items()},
    **_disturbances("redis", "partition"),
    **_disturbances("target", "partition"),
    **{
        name: fault
        for pair in PAIRS
        for name, fault in _disturbances(pair, "partition", "reply lost").items()
    },
    **{f"{pair}: cut": partial(cut, pair) for pair in PAIRS},
    "connector: body cut": _to_connector("reply_bytes", 9_000),
    "connector: slow": _to_connector("delay_s", 0.2),
    "connector: byte by byte": _to_connector("drip_s", 0.3),
    "connector: 500": _to_connector("response", respond_with(b"500 Internal Server Error")),
    "connector: 429": _to_connector("response", respond_with(b"429 Too Many Requests")),
}
