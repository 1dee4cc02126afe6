"""A fake of connector and extractor whose responses the test sets by path."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Records the request and sends the next response of its path. HTTP/1.0 closes each connection;
    a command would keep it open until its process ends.
    """

    server: "Services"

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        line = f"{self.command} {self.path.partition('?')[0]}"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests[line].append(json.loads(body or "null"))
        content = json.dumps(self.server.next_response(line)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class Services(ThreadingHTTPServer):
    """`responses` has a list of JSON values for each line such as `POST /jobs`; the last one is
    repeated. `requests` has the bodies that were sent.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.responses: dict[str, list[Any]] = {}
        self.requests: defaultdict[str, list[Any]] = defaultdict(list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next_response(self, line: str) -> Any:
        responses = self.responses[line]
        return responses.pop(0) if len(responses) > 1 else responses[0]


@contextmanager
def serving() -> Iterator[Services]:
    """A running server."""
    server = Services()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def job(id: int, state: str, **changed: Any) -> dict[str, Any]:
    """The JSON of a job, as the extractor returns it."""
    return {
        "id": id, "state": state, "start": "2025-12-05", "end": "2025-12-05",
        "statistics": ["mean", "min", "max", "std"],
        "slices": {"total": 24, "published": 24, "done": 23, "unchanged": 3},
        "rows": 1440, "windows": 144, "coverage": 0.5,
        "took": {"extract_ms": 1.0, "aggregate_ms": 2.0, "load_ms": 3.0},
        "reason": "schema" if state == "failed" else None,
        "error": "no such column" if state == "failed" else None, "note": None, "only": None,
        "waiting": None, "created_at": "2025-12-06T02:00:00Z", **changed,
    }  # fmt: skip
