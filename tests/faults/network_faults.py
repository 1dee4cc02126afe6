"""What happens between two parts: connections refused, cut, gone silent, answers lost or spoilt."""

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
    where: str, change: str, value: object, fault_stack: FaultStack, _: Random
) -> Iterator[None]:
    """The connections of a pair, or of all to one server, are disturbed."""
    proxies = fault_stack.proxies_of(where)
    for proxy in proxies:
        setattr(proxy.disturbance, change, value)
        if change == "refuse":
            proxy.cut()
    try:
        yield
    finally:
        for proxy in proxies:
            proxy.clear_disturbance()


def cut(where: str, fault_stack: FaultStack, rng: Random) -> AbstractContextManager[None]:
    """Every connection is closed, again and again."""

    def act() -> None:
        for proxy in fault_stack.proxies_of(where):
            proxy.cut()

    return repeatedly(act, pause_s=lambda: rng.uniform(0.05, 0.3))


def respond_with(status: bytes) -> Callable[[bytes], bytes]:
    """Every request gets this answer, without a body."""
    return lambda _: b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"


def _disturbances(where: str, *names: str) -> dict[str, Fault]:
    changes: dict[str, tuple[str, object]] = {
        "refused": ("refuse", True),
        "partition": ("partitioned", True),
        "reply lost": ("lose_replies", True),
    }
    return {f"{where}: {name}": partial(disturb, where, *changes[name]) for name in names}


def _to_connector(change: str, value: object) -> Fault:
    return partial(disturb, "extractor-connector", change, value)


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
