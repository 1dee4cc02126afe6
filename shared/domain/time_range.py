"""Half-open time ranges, and ranges of whole local days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np

ONE_DAY = timedelta(days=1)


class TimeRange(NamedTuple):
    """The half-open range [start, end). Both have a time zone."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class DateRange:
    """Consecutive local days, `first` and `last` included. Iterating yields each day."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        return (self.first + n * ONE_DAY for n in range(len(self)))

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def utc_datetime64(timestamp: datetime) -> np.datetime64:
    """A timestamp with a time zone as numpy's datetime64 in UTC, in microseconds."""
    return np.datetime64(timestamp.astimezone(UTC).replace(tzinfo=None), "us")
