"""A connector whose responses, valid or broken, are set by the test."""

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
BYTE_INTERVAL_S = 0.05

Responder = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Records the request and sends the next response."""

    protocol_version = "HTTP/1.1"
    server: "StubConnector"

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        parameters = parse_qsl(split.query)
        self.server.requests.append((split.path, dict(parameters)))
        self.server.assets.append([value for name, value in parameters if name == "asset"])
        self.server.headers.append(dict(self.headers))
        self.server.next_responder()(self)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def send_head(self, status: int, headers: Mapping[str, object]) -> None:
        """Send the status line and the headers."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()


class StubConnector(ThreadingHTTPServer):
    """Sends its responses one after the other, and then repeats the last one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.assets: list[list[str]] = []
        """The assets of each request."""
        self.headers: list[dict[str, str]] = []
        self.ended = threading.Event()
        self._responders: list[Responder] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def respond_with(self, *responders: Responder) -> None:
        """Set the responses from now on."""
        self._responders = list(responders)

    def next_responder(self) -> Responder:
        return self._responders.pop(0) if len(self._responders) > 1 else self._responders[0]


@contextmanager
def stub_connector() -> Iterator[StubConnector]:
    """A running stub."""
    server = StubConnector()
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
    timestamps = [m if m is None else DAY + timedelta(minutes=m) for m in minutes]
    return table_at(pa.array(timestamps, TIMESTAMP), names)


def table_at(timestamps: pa.Array, names: Sequence[str] = ("power",)) -> pa.Table:
    """Rows with these timestamps."""
    values = pa.array([float(n) for n in range(len(timestamps))], pa.float64())
    return pa.table({"timestamp": timestamps, **dict.fromkeys(names, values)})


def encoded(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def response(content: bytes, status: int = 200, **headers: object) -> Responder:
    """A complete response; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def respond(handler: Handler) -> None:
        handler.send_head(status, {"Content-Length": len(content), **named})
        handler.wfile.write(content)

    return respond


def json_response(value: object) -> Responder:
    """A response in JSON."""
    return response(json.dumps(value).encode(), Content_Type="application/json")


def page(
    rows: pa.Table, *, next_cursor: str | None = None, announced_rows: int | None = None
) -> Responder:
    """A page of the connector; `announced_rows` is a wrong number of rows in its header."""
    headers: dict[str, Any] = {"Minuano_Next": next_cursor} if next_cursor else {}
    count = rows.num_rows if announced_rows is None else announced_rows
    return response(encoded(rows), Content_Type=ARROW, Minuano_Rows=count, **headers)


def truncated(rows: pa.Table, *, with_length: bool) -> Responder:
    """A page that ends too early, with or without a `Content-Length`."""
    content = encoded(rows)

    def respond(handler: Handler) -> None:
        length = {"Content-Length": len(content)} if with_length else {}
        headers = {"Content-Type": ARROW, "Minuano-Rows": rows.num_rows, "Connection": "close"}
        handler.send_head(200, {**headers, **length})
        # Only the schema is sent, not the batches and the end-of-stream mark.
        handler.wfile.write(content[: len(encoded(rows.slice(0, 0))) - 8])

    return respond


def byte_by_byte(rows: pa.Table, *, with_head: bool = False) -> Responder:
    """A page whose body, or head and body, is sent byte by byte: each read is in time, the whole
    response never is.
    """

    def respond(handler: Handler) -> None:
        content = encoded(rows)
        headers = {
            "Content-Type": ARROW, "Minuano-Rows": rows.num_rows, "Content-Length": len(content),
        }  # fmt: skip
        if with_head:
            lines = ["HTTP/1.1 200 OK", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
            content = "\r\n".join(lines).encode() + content
        else:
            handler.send_head(200, headers)
        for byte in content:
            if handler.server.ended.wait(BYTE_INTERVAL_S):
                return
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return

    return respond


def disconnect(handler: Handler) -> None:
    """Close the connection without a response."""
    handler.close_connection = True
