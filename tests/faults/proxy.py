"""A TCP proxy that stands between two parts and does to their connection what networks do."""

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
    """What happens to what passes; all of it may change while connections are open."""

    refuse: bool = False
    """No connection is made, and those that were are closed."""
    partitioned: bool = False
    """Nothing passes in either direction, and nobody is told."""
    lose_replies: bool = False
    """What is asked arrives; the answer is lost, and the connection with it."""
    delay_s: float = 0.0
    """How long each piece is held back."""
    reply_bytes: int | None = None
    """The connection is closed after so many bytes of answers."""
    drip_s: float = 0.0
    """Answers come byte by byte, one in so long."""
    response: Callable[[bytes], bytes | None] | None = None
    """What is answered to a request of HTTP in the server's stead; None asks the server."""


class Proxy:
    """Listens on a port of its own and passes everything on to another."""

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
        """New connections go to another port, and those that are open end."""
        self._upstream = ("127.0.0.1", port)
        self.cut()

    def cut(self) -> None:
        """Close every connection that is open now."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()

    def clear_disturbance(self) -> None:
        """End the disturbance."""
        was, self.disturbance = self.disturbance, Disturbance()
        if was.partitioned:
            self.cut()  # nobody knows what was lost

    def close(self) -> None:
        """Stop listening and close everything."""
        with contextlib.suppress(OSError):  # closed before
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone wakes no one
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
                if not replies and self._is_answered(link, piece):
                    continue
                if not self._is_forwarded(link, len(piece), replies=replies):
                    break
                for part in self._split_for_drip(piece) if replies else (piece,):
                    sink.sendall(part)
        link.close()
        with self._lock:
            self._links.discard(link)

    def _is_answered(self, link: "_Link", request: bytes) -> bool:
        answer = self.disturbance.response(request) if self.disturbance.response else None
        if answer:
            link.client.sendall(answer)
        return bool(answer)

    def _split_for_drip(self, piece: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(piece):
            size = 1 if self.disturbance.drip_s else len(piece)
            time.sleep(self.disturbance.drip_s)
            yield piece[at : at + size]
            at += size

    def _is_forwarded(self, link: "_Link", size: int, *, replies: bool) -> bool:
        """Delay the piece as the disturbance says; return whether it is sent on."""
        if self.disturbance.delay_s:
            time.sleep(self.disturbance.delay_s)
        while self.disturbance.partitioned and not link.closed.wait(POLL_S):
            pass
        if self.disturbance.refuse or link.closed.is_set():
            return False
        if replies:
            link.replied += size
            bound = self.disturbance.reply_bytes
            return not self.disturbance.lose_replies and (bound is None or link.replied <= bound)
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
