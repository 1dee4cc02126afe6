"""Many clients at once, each on a connection of its own."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.load.result import quantile

TIMEOUT_S = 120.0
PROBE_EVERY_S = 0.05
BROKEN = 0
"""Instead of a status: the connection ended without an answer."""


@dataclass(slots=True)
class Responses:
    """What all clients were answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    seconds: float = 0.0
    untold: int = 0
    """Refusals that did not say when to come again."""

    @property
    def per_s(self) -> float:
        return self.statuses.total() / self.seconds

    def ms(self, q: float) -> float:
        """A quantile of the time from a request to the end of its answer."""
        return quantile(self.waits_s, q) * 1000


class Client:
    """One connection, that tells what it hears."""

    def __init__(self, url: str, heard: Responses) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
        self._heard = heard

    def ask(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage]:
        """The status and the headers of one answer; underscores in names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        started = time.perf_counter()
        try:
            self._connection.request(method, path, body, named)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._heard.statuses[BROKEN] += 1
            return BROKEN, http.client.HTTPMessage()
        self._heard.waits_s.append(time.perf_counter() - started)
        self._heard.statuses[answer.status] += 1
        self._heard.untold += answer.status == 503 and not answer.headers["Retry-After"]
        return answer.status, answer.headers

    def close(self) -> None:
        self._connection.close()


def at_once(url: str, works: Iterable[Callable[[Client], None]]) -> Responses:
    """Let each piece of work have a client, all at the same time; return when all have ended."""
    heard = Responses()
    clients = [(Client(url, heard), work) for work in works]
    threads = [threading.Thread(target=work, args=[client]) for client, work in clients]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard.seconds = time.perf_counter() - started
    for client, _ in clients:
        client.close()
    return heard


@contextmanager
def probing(url: str, path: str) -> Iterator[Responses]:
    """What another client, who asks once at least, is answered meanwhile."""
    heard, over = Responses(), threading.Event()
    client = Client(url, heard)

    def ask() -> None:
        client.ask("GET", path)
        while not over.wait(PROBE_EVERY_S):
            client.ask("GET", path)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join()
        client.close()
