"""`python -m bench.distance.router CONTROL TUN …`: carries packets between TUN devices, each after
a delay. The arguments are file descriptors. The device at position n has the address that ends
with n + 1; the first one is the observer's, whose packets are never delayed.
"""

import json
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence

from bench.distance.turns import DESTINATION_AT, SOURCE_AT, TurnCounter, is_ipv4

OBSERVER = 1
"""The last byte of the observer's address."""
MAX_QUEUED_BYTES = 64_000_000
"""What is on the way at most: packets beyond are dropped, as a full router does."""
MAX_PACKETS_A_TURN = 64
"""Read from one device before the others have their turn."""
MAX_PACKET_BYTES = 1 << 17
MAX_MESSAGE_BYTES = 4096


class Router:
    """The packets on the way; they leave in the order in which they came."""

    def __init__(self, tuns: Sequence[int], *, max_queued_bytes: int = MAX_QUEUED_BYTES) -> None:
        self.delay_s = 0.0
        self.dropped = 0
        self.turns = TurnCounter()
        self._tuns, self._max_queued_bytes = tuns, max_queued_bytes
        self._queue: deque[tuple[float, int, bytes]] = deque()
        self._queued_bytes = 0

    def carry(self, packet: bytes, now: float) -> None:
        """Take a packet, and send it at once or later. Packets to no host are ignored."""
        if not is_ipv4(packet) or not 0 < packet[DESTINATION_AT] <= len(self._tuns):
            return
        tun = self._tuns[packet[DESTINATION_AT] - 1]
        if OBSERVER in (packet[SOURCE_AT], packet[DESTINATION_AT]):
            self._send(tun, packet)
            return
        self.turns.add(packet)
        if not self.delay_s and not self._queue:  # no packet overtakes another
            self._send(tun, packet)
        elif self._queued_bytes + len(packet) > self._max_queued_bytes:
            self.dropped += 1
        else:
            self._queue.append((now + self.delay_s, tun, packet))
            self._queued_bytes += len(packet)

    def send_due(self, now: float) -> float | None:
        """Send the packets that have arrived by now; return the seconds until the next one."""
        while self._queue and self._queue[0][0] <= now:
            _, tun, packet = self._queue.popleft()
            self._queued_bytes -= len(packet)
            self._send(tun, packet)
        return self._queue[0][0] - now if self._queue else None

    def _send(self, tun: int, packet: bytes) -> None:
        try:
            os.write(tun, packet)
        except OSError:  # the kernel has no memory for it
            self.dropped += 1


def serve(control: socket.socket, tuns: Sequence[int]) -> None:
    """Carry packets until the other end of `control` is closed."""
    router = Router(tuns)
    wait_s: float | None = None
    while True:
        # select, because the timeouts of poll and epoll are whole milliseconds.
        readable, _, _ = select.select([control.fileno(), *tuns], (), (), wait_s)
        if control.fileno() in readable and not _obey(router, control):
            return
        for tun in set(tuns).intersection(readable):
            _read(router, tun)
        wait_s = router.send_due(time.monotonic())


def _read(router: Router, tun: int) -> None:
    for _ in range(MAX_PACKETS_A_TURN):
        try:
            packet = os.read(tun, MAX_PACKET_BYTES)
        except BlockingIOError:
            return
        router.carry(packet, time.monotonic())


def _obey(router: Router, control: socket.socket) -> bool:
    """Set the delay, if one was sent; answer with the counts since the last message. False if the
    other end is closed.
    """
    message = control.recv(MAX_MESSAGE_BYTES)
    if not message:
        return False
    router.delay_s = json.loads(message).get("delay_s", router.delay_s)
    turns = [[*route, count] for route, count in router.turns.take().items()]
    control.send(json.dumps({"turns": turns, "dropped": router.dropped}).encode())
    router.dropped = 0
    return True


def main() -> None:
    control, *tuns = map(int, sys.argv[1:])
    serve(socket.socket(fileno=control), tuns)


if __name__ == "__main__":
    main()
