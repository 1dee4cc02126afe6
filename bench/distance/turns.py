"""Counts the turns of TCP connections: how often a client asks and then waits for an answer."""

from collections import Counter

from bench.distance.namespaces import VNET_HEADER_BYTES

Route = tuple[int, int]
"""The client's host and the server's host: the last bytes of their addresses."""
SOURCE_AT, DESTINATION_AT = VNET_HEADER_BYTES + 15, VNET_HEADER_BYTES + 19
"""Where these last bytes are in a packet."""
_PROTOCOL_AT, _TCP = VNET_HEADER_BYTES + 9, 6
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10


def is_ipv4(packet: bytes) -> bool:
    """Whether what a TUN device returned is an IPv4 packet (RFC 791)."""
    return len(packet) > DESTINATION_AT and packet[VNET_HEADER_BYTES] >> 4 == 4


class TurnCounter:
    """A turn is a new connection, or the first data of a client after data of the server. The
    client is the side with the higher port: servers have ports below the ephemeral ones.
    """

    def __init__(self) -> None:
        self._turns: Counter[Route] = Counter()
        self._asked: set[bytes] = set()
        """Connections on which the server has to answer."""

    def add(self, packet: bytes) -> None:
        """Count one IPv4 packet, with its header of the TUN device (RFC 9293)."""
        if packet[_PROTOCOL_AT] != _TCP:
            return
        tcp = VNET_HEADER_BYTES + (packet[VNET_HEADER_BYTES] & 0x0F) * 4
        flags = packet[tcp + 13]
        has_data = len(packet) > tcp + (packet[tcp + 12] >> 4) * 4
        from_client = packet[tcp : tcp + 2] > packet[tcp + 2 : tcp + 4]
        connection = _connection(packet, tcp, from_client)
        if flags & (_FIN | _RST):
            self._asked.discard(connection)
        elif from_client and flags & _SYN:
            self._turns[packet[SOURCE_AT], packet[DESTINATION_AT]] += 1
        elif has_data and not from_client:
            self._asked.discard(connection)
        elif has_data and connection not in self._asked:
            self._asked.add(connection)
            self._turns[packet[SOURCE_AT], packet[DESTINATION_AT]] += 1

    def take(self) -> Counter[Route]:
        """The turns of each route since the last call."""
        turns, self._turns = self._turns, Counter()
        return turns


def _connection(packet: bytes, tcp: int, from_client: bool) -> bytes:
    """Addresses and ports, those of the client first."""
    addresses = packet[VNET_HEADER_BYTES + 12 : VNET_HEADER_BYTES + 20]
    ports = packet[tcp : tcp + 4]
    if from_client:
        return addresses + ports
    return addresses[4:] + addresses[:4] + ports[2:] + ports[:2]
