"""Connector and extractor as one server that answers what a test tells it to, by path."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Notes the request and gives the next answer of its path. As HTTP/1.0 it closes each
    connection: a command leaves that to the end of its process.
    """

    server: "Services"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        line = f"{self.command} {self.path.partition('?')[0]}"
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked[line].append(json.loads(sent or "null"))
        content = json.dumps(self.server.answer(line)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Not on the screen."""


class Services(ThreadingHTTPServer):
    """`answers` has a list for each line such as `POST /jobs`; its last one is given for ever.
    `asked` has the bodies that were sent.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Any]] = {}
        self.asked: defaultdict[str, list[Any]] = defaultdict(list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, line: str) -> Any:
        answers = self.answers[line]
        return answers.pop(0) if len(answers) > 1 else answers[0]


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
    """A job as the extractor shows it."""
    return {
        "id": id, "state": state, "start": "2025-12-05", "end": "2025-12-05",
        "slices": {"total": 24, "published": 24, "done": 23}, "rows": 1440, "windows": 144,
        "coverage": 0.5, "took": {"extract_ms": 1.0, "aggregate_ms": 2.0, "load_ms": 3.0},
        "reason": "schema" if state == "failed" else None,
        "error": "no such column" if state == "failed" else None, "note": None,
        "created_at": "2025-12-06T02:00:00Z", **changed,
    }  # fmt: skip
