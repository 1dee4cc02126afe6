"""A stream as it is after the clock of Redis went back: deliveries have times in the future.

Redis has no command for it: XCLAIM takes a future time as now. So a dump of the stream is changed.
"""

from datetime import timedelta
from typing import Any

CRC64_POLYNOMIAL = 0x95AC9329AC4BC9B5  # as Redis has it, bits reversed
ONE_DAY_MS = 86_400_000


def set_back(client: Any, stream: str, by: timedelta) -> None:
    """Move the times of all pending deliveries into the future, as seen by the clock of Redis."""
    now_ms = int(client.time()[0]) * 1000
    dump = bytearray(client.dump(stream))
    for id, _ in client.xrange(stream):
        _move(dump, _binary(id), now_ms, int(by.total_seconds() * 1000))
    dump[-8:] = _crc64(bytes(dump[:-8])).to_bytes(8, "little")
    client.restore(stream, 0, bytes(dump), replace=True)


def _binary(id: bytes) -> bytes:
    return b"".join(int(part).to_bytes(8, "big") for part in id.split(b"-"))


def _move(dump: bytearray, id: bytes, now_ms: int, by_ms: int) -> None:
    """The id is followed by the time only in the list of pending entries of a group."""
    at = dump.find(id)
    while at >= 0:
        time_at = slice(at + 16, at + 24)
        delivered_ms = int.from_bytes(dump[time_at], "little")
        if abs(now_ms - delivered_ms) < ONE_DAY_MS:
            dump[time_at] = (delivered_ms + by_ms).to_bytes(8, "little")
        at = dump.find(id, at + 1)


def _crc64(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (CRC64_POLYNOMIAL if crc & 1 else 0)
    return crc
