"""Snapshots: time ranges of one asset whose samples are read by one statement. So all samples of a
snapshot are of one state of the source, however many pages a query has.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain import arrow_codec
from shared.domain.fingerprint import Ints
from shared.domain.time_range import TimeRange, utc_datetime64
from shared.errors import MinuanoError

MAX_BYTES = arrow_codec.MAX_TABLE_BYTES
"""The samples of a snapshot: a slice of more bytes could not become a batch."""
RESOLUTION = timedelta(microseconds=1)


class SnapshotTooLarge(MinuanoError):
    """A snapshot has more than `MAX_BYTES`."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots of a query: time ranges of equal `length` from its `start` on. `expected_rows`
    is the number of samples that each asset should have in one of them.
    """

    start: datetime
    length: timedelta
    expected_rows: float

    def numbers(self, timestamps: Ints) -> Ints:
        """(rows,): the number of the snapshot of each timestamp, given in µs since 1970."""
        start_us = utc_datetime64(self.start).astype(int)
        numbers: Ints = (timestamps - start_us) // (self.length // RESOLUTION)
        return numbers

    def time_range(self, timestamp: datetime, end: datetime) -> TimeRange:
        """The snapshot of this timestamp, in a query until `end`."""
        start = timestamp - (timestamp - self.start) % self.length
        return TimeRange(start, end if end - start < self.length else start + self.length)


def max_rows(variables: int) -> int:
    """The number of rows that a snapshot of so many variables may have."""
    return MAX_BYTES // (8 * (1 + variables))
