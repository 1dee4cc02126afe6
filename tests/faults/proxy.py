"""A TCP proxy that simulates network faults between a client and a server."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

RECEIVE_BYTES = 65_536
POLL_S = 0.05
CONNECT_TIMEOUT_S = 5.0


@dataclass
class Disturbance:
    """The simulated faults. They may change while connections are open."""

    refuse: bool = False
    """Refuse new connections and close open ones."""
    partitioned: bool = False
    """Network partition: hold back all data in both directions without closing the connection."""
    lose_replies: bool = False
    """Forward requests, but close the connection instead of forwarding the reply."""
    delay_s: float = 0.0
    """Delay of each received piece of data."""
    reply_bytes: int | None = None
    """Close the connection after so many bytes of replies."""
    drip_s: float = 0.0
    """Forward replies byte by byte with this pause."""
    response: Callable[[bytes], bytes | None] | None = None
    """Returns the HTTP response to send for a request; None forwards the request to the server."""


class Proxy:
    """Listens on a free port and forwards connections to another port."""

    def __init__(self, port: int) -> None:
        self.disturbance = Disturbance()
        self._upstream = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._accept_thread = threading.Thread(target=self._accept, daemon=True, name="proxy")
        self._accept_thread.start()

    def redirect(self, port: int) -> None:
        """Forward new connections to another port and close open ones."""
        self._upstream = ("127.0.0.1", port)
        self.cut()

    def cut(self) -> None:
        """Close all open connections."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()

    def clear_disturbance(self) -> None:
        """Remove all faults."""
        previous, self.disturbance = self.disturbance, Disturbance()
        if previous.partitioned:
            self.cut()  # neither side knows which data was lost

    def close(self) -> None:
        """Stop listening and close all connections."""
        with contextlib.suppress(OSError):  # already closed
            self._listener.shutdown(socket.SHUT_RDWR)  # close() alone does not wake accept()
        self._listener.close()
        self._accept_thread.join(2 * CONNECT_TIMEOUT_S)
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.disturbance.refuse:
                client.close()
                continue
            try:
                server = socket.create_connection(self._upstream, timeout=CONNECT_TIMEOUT_S)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            link = _Link(client, server)
            with self._lock:
                self._links.add(link)
            for replies in (False, True):
                threading.Thread(target=self._pump, args=(link, replies), daemon=True).start()

    def _pump(self, link: "_Link", replies: bool) -> None:
        source, sink = (link.server, link.client) if replies else (link.client, link.server)
        with contextlib.suppress(OSError):
            while piece := source.recv(RECEIVE_BYTES):
                if not replies and self._send_response(link, piece):
                    continue
                if not self._is_forwarded(link, len(piece), replies=replies):
                    break
                for data in self._split_for_drip(piece) if replies else (piece,):
                    sink.sendall(data)
        link.close()
        with self._lock:
            self._links.discard(link)

    def _send_response(self, link: "_Link", request: bytes) -> bool:
        response = self.disturbance.response(request) if self.disturbance.response else None
        if response:
            link.client.sendall(response)
        return bool(response)

    def _split_for_drip(self, piece: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(piece):
            size = 1 if self.disturbance.drip_s else len(piece)
            time.sleep(self.disturbance.drip_s)
            yield piece[at : at + size]
            at += size

    def _is_forwarded(self, link: "_Link", size: int, *, replies: bool) -> bool:
        """Wait as the faults require; return whether to forward the piece."""
        if self.disturbance.delay_s:
            time.sleep(self.disturbance.delay_s)
        while self.disturbance.partitioned and not link.closed.wait(POLL_S):
            pass
        if self.disturbance.refuse or link.closed.is_set():
            return False
        if replies:
            link.replied += size
            limit = self.disturbance.reply_bytes
            return not self.disturbance.lose_replies and (limit is None or link.replied <= limit)
        return True


@dataclass(eq=False)
class _Link:
    client: socket.socket
    server: socket.socket
    replied: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        self.closed.set()
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
