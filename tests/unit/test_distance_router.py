"""The router between the hosts of `make distance`, with pipes instead of TUN devices."""

import os
import socket
import struct
from collections.abc import Iterator

import pytest

from bench.distance.router import OBSERVER, Router
from bench.distance.turns import TurnCounter

ROUTE = (2, 3)
CLIENT_PORT, SERVER_PORT = 40_000, 5432
FIN, SYN, ACK = 0x01, 0x02, 0x10


def packet(
    source: int, destination: int, data: bytes = b"", *, answer: bool = False, flags: int = ACK
) -> bytes:
    """A TCP segment from one host to another, as a TUN device returns it. An answer comes from the
    server.
    """
    addresses = [socket.inet_aton(f"10.0.0.{n}") for n in (source, destination)]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, *addresses)
    ports = (SERVER_PORT, CLIENT_PORT) if answer else (CLIENT_PORT, SERVER_PORT)
    tcp = struct.pack("!HHIIBBHHH", *ports, 0, 0, 5 << 4, flags, 0, 0, 0)
    return bytes(10) + ip + tcp + data


class Devices:
    """Three devices; a test reads what was sent to one of them."""

    def __init__(self) -> None:
        self._pipes = [os.pipe() for _ in range(3)]
        for reading, _ in self._pipes:
            os.set_blocking(reading, False)

    @property
    def tuns(self) -> list[int]:
        return [writing for _, writing in self._pipes]

    def sent_to(self, host: int) -> bytes:
        try:
            return os.read(self._pipes[host - 1][0], 1 << 16)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        for pipe in self._pipes:
            for fd in pipe:
                os.close(fd)


@pytest.fixture
def devices() -> Iterator[Devices]:
    devices = Devices()
    yield devices
    devices.close()


@pytest.fixture
def router(devices: Devices) -> Router:
    """A router with a delay of one second."""
    router = Router(devices.tuns)
    router.delay_s = 1.0
    return router


def test_a_packet_arrives_at_its_host_after_the_delay(router: Router, devices: Devices) -> None:
    router.carry(packet(2, 3), now=10.0)
    assert router.send_due(10.75) == 0.25
    assert devices.sent_to(3) == b""
    assert router.send_due(11.0) is None
    assert devices.sent_to(3) == packet(2, 3)


def test_without_delay_a_packet_is_sent_at_once(router: Router, devices: Devices) -> None:
    router.delay_s = 0.0
    router.carry(packet(2, 3), now=10.0)
    assert devices.sent_to(3) == packet(2, 3)


@pytest.mark.parametrize("pair", [(OBSERVER, 3), (3, OBSERVER)])
def test_the_observer_has_no_distance(
    router: Router, devices: Devices, pair: tuple[int, int]
) -> None:
    router.carry(packet(*pair), now=10.0)
    assert devices.sent_to(pair[1]) == packet(*pair)
    assert router.turns.take() == {}


def test_no_packet_overtakes_another_after_the_delay_was_reduced(
    router: Router, devices: Devices
) -> None:
    router.carry(packet(2, 3, b"first"), now=10.0)
    router.delay_s = 0.0
    router.carry(packet(2, 3, b"second"), now=10.5)
    router.send_due(10.75)
    assert devices.sent_to(3) == b""
    router.send_due(11.0)
    assert devices.sent_to(3) == packet(2, 3, b"first") + packet(2, 3, b"second")


def test_packets_beyond_the_bound_are_dropped_and_counted(devices: Devices) -> None:
    router = Router(devices.tuns, max_queued_bytes=2 * len(packet(2, 3)))
    router.delay_s = 1.0
    for _ in range(3):
        router.carry(packet(2, 3), now=10.0)
    router.send_due(11.0)
    assert devices.sent_to(3) == 2 * packet(2, 3)
    assert router.dropped == 1
    router.carry(packet(2, 3), now=12.0)
    router.send_due(13.0)
    assert devices.sent_to(3) == packet(2, 3)


@pytest.mark.parametrize(
    "other", [b"", b"\x60" * 60, packet(2, 9)], ids=["empty", "IPv6", "no host"]
)
def test_packets_to_no_host_are_ignored(router: Router, devices: Devices, other: bytes) -> None:
    router.carry(other, now=10.0)
    assert router.send_due(10.0) is None


def test_a_request_with_its_answer_is_one_turn() -> None:
    counter = TurnCounter()
    for n in range(3):
        counter.add(packet(2, 3, b"question"))
        counter.add(packet(2, 3, b"rest of the question"))
        counter.add(packet(3, 2, answer=True))  # acknowledges only
        counter.add(packet(3, 2, b"answer", answer=True))
        counter.add(packet(3, 2, b"rest of the answer", answer=True))
        counter.add(packet(2, 3))
        assert counter.take() == {ROUTE: 1}, n


def test_a_new_connection_is_one_turn() -> None:
    counter = TurnCounter()
    counter.add(packet(2, 3, flags=SYN))
    counter.add(packet(3, 2, answer=True, flags=SYN | ACK))
    counter.add(packet(2, 3))
    assert counter.take() == {ROUTE: 1}


def test_a_closed_connection_has_no_open_request() -> None:
    counter = TurnCounter()
    counter.add(packet(2, 3, b"question"))
    counter.add(packet(2, 3, flags=FIN | ACK))
    counter.add(packet(2, 3, b"question"))
    assert counter.take() == {ROUTE: 2}
