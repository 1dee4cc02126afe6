"""A connector that answers what a test tells it to, well or badly."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa

from shared.domain.batches import TIMESTAMP

DAY = datetime(2025, 12, 5, tzinfo=UTC)
ARROW = "application/vnd.apache.arrow.stream"
DRIP_S = 0.05

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Notes the request and gives the next answer."""

    protocol_version = "HTTP/1.1"
    server: "Stub"

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        self.server.asked.append((split.path, dict(parse_qsl(split.query))))
        self.server.headers.append(dict(self.headers))
        self.server.next_answer()(self)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""

    def head(self, status: int, headers: Mapping[str, object]) -> None:
        """The status line and the headers."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()


class Stub(ThreadingHTTPServer):
    """Gives its answers one after the other, the last of them for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.ended = threading.Event()
        self._answers: list[Answer] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def will(self, *answers: Answer) -> None:
        """What to answer from now on."""
        self._answers = list(answers)

    def next_answer(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@contextmanager
def stub() -> Iterator[Stub]:
    """A running stub."""
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def table(minutes: Sequence[float | None], names: Sequence[str] = ("power",)) -> pa.Table:
    """Rows at these minutes of `DAY`; each value is its minute."""
    stamps = [m if m is None else DAY + timedelta(minutes=m) for m in minutes]
    return stamped(pa.array(stamps, TIMESTAMP), names)


def stamped(stamps: pa.Array, names: Sequence[str] = ("power",)) -> pa.Table:
    """Rows with these stamps."""
    values = pa.array([float(n) for n in range(len(stamps))], pa.float64())
    return pa.table({"timestamp": stamps, **dict.fromkeys(names, values)})


def encoded(page: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, page.schema) as writer:
        writer.write_table(page)
    return bytes(sink.getvalue())


def body(content: bytes, status: int = 200, **headers: object) -> Answer:
    """An answer as it should be; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(to: Handler) -> None:
        to.head(status, {"Content-Length": len(content), **named})
        to.wfile.write(content)

    return answer


def page(found: pa.Table, *, following: str | None = None, rows: object = None) -> Answer:
    """A page of the connector; `rows` is a wrong promise."""
    more: dict[str, Any] = {"Minuano_Next": following} if following else {}
    promised = found.num_rows if rows is None else rows
    return body(encoded(found), Content_Type=ARROW, Minuano_Rows=promised, **more)


def told(value: object) -> Answer:
    """An answer in JSON."""
    return body(json.dumps(value).encode(), Content_Type="application/json")


def cut(found: pa.Table, *, length: bool) -> Answer:
    """A page that ends too early, with or without its length told before."""
    whole = encoded(found)

    def answer(to: Handler) -> None:
        said = {"Content-Length": len(whole)} if length else {}
        to.head(200, {"Minuano-Rows": found.num_rows, "Connection": "close", **said})
        # The end-of-stream mark and the last batch are lost, the schema has come.
        to.wfile.write(whole[: len(encoded(found.slice(0, 0))) - 8])

    return answer


def dripping(found: pa.Table, *, head: bool = False) -> Answer:
    """A page of which the body, or all of it, comes byte by byte: each read is in time, the whole
    never is.
    """

    def answer(to: Handler) -> None:
        whole = encoded(found)
        headers = {"Minuano-Rows": found.num_rows, "Content-Length": len(whole)}
        if head:
            lines = ["HTTP/1.1 200 OK", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
            whole = "\r\n".join(lines).encode() + whole
        else:
            to.head(200, headers)
        for byte in whole:
            if to.server.ended.wait(DRIP_S):
                return
            try:
                to.wfile.write(bytes([byte]))
            except OSError:
                return

    return answer


def hanging_up(to: Handler) -> None:
    """No answer at all."""
    to.close_connection = True
