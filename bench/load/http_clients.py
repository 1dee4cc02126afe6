"""Many concurrent HTTP clients, each with its own connection."""

import http.client
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from bench.load.resource_sampler import repeating
from bench.results import quantile

TIMEOUT_S = 120.0
PROBE_EVERY_S = 0.05
BROKEN = 0
"""Counted as a status: the connection ended without a response."""


@dataclass(slots=True)
class Responses:
    """The responses to all clients."""

    statuses: Counter[int] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    seconds: float = 0.0
    without_retry_after: int = 0
    """Responses with status 503 and no Retry-After."""

    @property
    def per_s(self) -> float:
        return self.statuses.total() / self.seconds

    def latency(self) -> str:
        """Median and 99th percentile of the time from a request to the end of its response."""
        p50, p99 = (quantile(self.waits_s, q) * 1000 for q in (0.5, 0.99))
        return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"


class Client:
    """One connection, which counts its responses."""

    def __init__(self, url: str, responses: Responses) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
        self._responses = responses

    def request(
        self,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, http.client.HTTPMessage]:
        """Status and headers of the response."""
        started = time.perf_counter()
        try:
            self._connection.request(method, path, body, headers or {})
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._responses.statuses[BROKEN] += 1
            return BROKEN, http.client.HTTPMessage()
        self._responses.waits_s.append(time.perf_counter() - started)
        self._responses.statuses[response.status] += 1
        if response.status == 503 and not response.headers["Retry-After"]:
            self._responses.without_retry_after += 1
        return response.status, response.headers

    def close(self) -> None:
        self._connection.close()


def run_concurrently(url: str, tasks: Sequence[Callable[[Client], None]]) -> Responses:
    """Run each task with its own client, all at the same time; return when all have ended."""
    responses, started = Responses(), time.perf_counter()
    clients = [Client(url, responses) for _ in tasks]
    with ThreadPoolExecutor(len(tasks)) as threads:
        list(threads.map(lambda task, client: task(client), tasks, clients))
    responses.seconds = time.perf_counter() - started
    for client in clients:
        client.close()
    return responses


@contextmanager
def probing(url: str, path: str) -> Iterator[Responses]:
    """The responses to one more client during the block; it sends at least one request."""
    responses = Responses()
    with (
        closing(Client(url, responses)) as client,
        repeating(partial(client.request, "GET", path), PROBE_EVERY_S),
    ):
        yield responses
