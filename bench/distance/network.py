"""Five hosts and an observer, connected by a router."""

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.distance import router
from bench.distance.namespaces import NETWORK, Namespace
from cli.embedded.child_process import Child, stop_all

OBSERVER = "observer"
HOSTS = (SOURCE, REDIS, EXTRACTORS, WORKERS, TARGET) = (
    "source", "redis", "extractors", "workers", "target",
)  # fmt: skip
CONNECTS = 9
TIMEOUT_S = 30.0
CHUNK_BYTES = 1_000_000
STOP_WITHIN_S = 3.0


@dataclass(frozen=True)
class Traffic:
    """The turns of each pair of hosts, the client's first, and the packets that were dropped."""

    turns: Mapping[tuple[str, str], int]
    dropped: int


class Network:
    """The hosts; between any two of them lies the same distance, none to the observer."""

    def __init__(self, namespaces: Mapping[str, Namespace], control: socket.socket) -> None:
        self._namespaces, self._control = namespaces, control
        self._names = {n + 1: name for n, name in enumerate(namespaces)}

    def __getitem__(self, name: str) -> Namespace:
        return self._namespaces[name]

    @property
    def addresses(self) -> list[str]:
        return [namespace.address for namespace in self._namespaces.values()]

    def set_round_trip(self, ms: float) -> None:
        """Delay each packet by half of the round trip."""
        self._ask(delay_s=ms / 2000)

    def take_traffic(self) -> Traffic:
        """What the router has counted since the last call."""
        answer = self._ask()
        turns = {
            (self._names[client], self._names[server]): count
            for client, server, count in answer["turns"]
        }
        return Traffic(turns, answer["dropped"])

    def measure_round_trip_ms(self) -> float:
        """The median time to connect from the workers to the target: one round trip."""
        return median(self._connect_ms() for _ in range(CONNECTS))

    def measure_mb_per_s(self, megabytes: int) -> float:
        """How fast the router carries one connection, in MB/s."""
        with self._listening() as server, self._connection(server) as sender:
            receiver, _ = server.accept()
            reader = threading.Thread(target=_drain, args=[receiver], daemon=True)
            reader.start()
            started = time.perf_counter()
            for _ in range(megabytes):
                sender.sendall(bytes(CHUNK_BYTES))
            sender.shutdown(socket.SHUT_WR)
            reader.join(TIMEOUT_S)
            return megabytes / (time.perf_counter() - started)

    def _connect_ms(self) -> float:
        with self._listening() as server:
            started = time.perf_counter()
            with self._connection(server):
                return (time.perf_counter() - started) * 1000

    @contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        with self[TARGET].entered():
            server = socket.create_server((self[TARGET].address, 0))
        with server:
            yield server

    def _connection(self, server: socket.socket) -> socket.socket:
        with self[WORKERS].entered():
            return socket.create_connection(server.getsockname(), TIMEOUT_S)

    def _ask(self, **message: float) -> dict[str, Any]:
        self._control.send(json.dumps(message).encode())
        answer: dict[str, Any] = json.loads(self._control.recv(router.MAX_MESSAGE_BYTES))
        return answer


@contextmanager
def open_network(logs: Path) -> Iterator[Network]:
    """The hosts and a running router; this thread is the observer during the block. Raises
    `ConfigurationError` if this process may not create network namespaces.
    """
    with ExitStack() as until:
        namespaces = {}
        for n, name in enumerate((OBSERVER, *HOSTS), start=router.OBSERVER):
            namespaces[name] = Namespace(f"{NETWORK}.{n}")
            until.callback(namespaces[name].close)
        control, end_of_router = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        until.enter_context(control).settimeout(TIMEOUT_S)
        fds = [end_of_router.fileno(), *(namespace.tun for namespace in namespaces.values())]
        child = Child(
            "router",
            [sys.executable, "-m", "bench.distance.router", *map(str, fds)],
            logs / "router.log",
            options={"pass_fds": fds},
        )
        with end_of_router:
            child.start()
        until.callback(stop_all, [child], within_s=STOP_WITHIN_S)
        until.enter_context(namespaces[OBSERVER].entered())
        yield Network(namespaces, control)


def _drain(receiver: socket.socket) -> None:
    with receiver:
        while receiver.recv(CHUNK_BYTES):
            pass
