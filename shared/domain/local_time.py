"""Timestamps in requests, and the local days of a time zone."""

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.domain.time_range import ONE_DAY, TimeRange

# Within the range of datetime, with room for the offset of any time zone.
EARLIEST, LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)
LONGEST_SEARCH = timedelta(days=14_600)
ONE_SECOND = timedelta(seconds=1)
DATE_LENGTH = len("2025-12-05")
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
INSTANT_PATTERN = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    rf"([T ]{_CLOCK}(:[0-5][0-9](\.[0-9]{{1,6}})?)?(Z|[+-]{_CLOCK})?)?$"
)
"""The accepted formats, as a pattern that is valid in a JSON schema too."""
_PATTERN = re.compile(INSTANT_PATTERN)
INSTANT_FORMAT = "write 2025-12-05, 2025-12-05T00:00:00Z or 2025-12-05T00:00:00-03:00 (+ as %2B)"


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """The timestamp in UTC. A date means its midnight in `zone`. A time without offset is a local
    time in `zone`. Raises ValueError if the text is not a timestamp, or is ambiguous.
    """
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"not a timestamp: {INSTANT_FORMAT}")
    try:
        instant = _parse(text, zone)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not a timestamp ({error}): {INSTANT_FORMAT}") from None
    if not EARLIEST <= instant <= LATEST:
        raise ValueError(f"not between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}")
    return instant


def _parse(text: str, zone: ZoneInfo) -> datetime:
    if len(text) == DATE_LENGTH:
        return local_midnight(date.fromisoformat(text), zone)
    timestamp = datetime.fromisoformat(text)
    if timestamp.tzinfo is None:
        timestamp = timestamp.replace(tzinfo=zone)
        if timestamp.utcoffset() != timestamp.replace(fold=1).utcoffset():
            raise ValueError(f"the clocks of {zone.key} change then: add an offset")
    return timestamp.astimezone(UTC)


def end_of_day(start: datetime, zone: ZoneInfo) -> datetime:
    """The midnight at the end of the local day of `start`, in UTC."""
    return local_midnight(start.astimezone(zone).date() + ONE_DAY, zone)


@lru_cache(maxsize=1024)
def has_constant_offset(zone: str, start: datetime, end: datetime) -> bool:
    """Whether the UTC offset of `zone` is certainly constant from a day before `start` to a day
    after `end`. Then local timestamps are in the order of the UTC ones.
    """
    if zone == "UTC":
        return True
    if end - start > LONGEST_SEARCH:
        return False
    days = (end - start) // ONE_DAY + 3
    zone_info = ZoneInfo(zone)
    noons = (start + (n - 1) * ONE_DAY for n in range(days + 1))
    return len({noon.astimezone(zone_info).utcoffset() for noon in noons}) == 1


class RepeatedTimes(NamedTuple):
    """Local times that occur twice, `end` excluded; `shift` is the time from the first occurrence
    of each to the second.
    """

    first: datetime
    end: datetime
    shift: timedelta


@lru_cache(maxsize=1024)
def repeated_times(zone: str, start: datetime, end: datetime) -> tuple[RepeatedTimes, ...]:
    """The local times of `zone` that occur twice from a day before `start` to a day after `end`.
    None are found in a range of more than `LONGEST_SEARCH`.
    """
    if has_constant_offset(zone, start, end) or end - start > LONGEST_SEARCH:
        return ()
    days = (end - start) // ONE_DAY + 3
    noons = [start + (n - 1) * ONE_DAY for n in range(days + 1)]
    changes = (_set_back(ZoneInfo(zone), before, after) for before, after in pairwise(noons))
    return tuple(change for change in changes if change)


def _set_back(zone: ZoneInfo, before: datetime, after: datetime) -> RepeatedTimes | None:
    """The times that are repeated because the clocks are set back between two instants."""

    def offset(instant: datetime) -> timedelta:
        return instant.astimezone(zone).utcoffset() or timedelta(0)

    shift = offset(before) - offset(after)
    if shift <= timedelta(0):
        return None
    old = offset(before)
    seconds = bisect_left(
        range((after - before) // ONE_SECOND), True,
        key=lambda n: offset(before + n * ONE_SECOND) != old,
    )  # fmt: skip
    end = (before + seconds * ONE_SECOND + old).replace(tzinfo=None)
    return RepeatedTimes(end - shift, end, shift)


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The start of the local day in `zone`, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_range(day: date, zone: ZoneInfo) -> TimeRange:
    """A local day as a UTC time range. It is not 24 hours long if the clocks change."""
    return TimeRange(local_midnight(day, zone), local_midnight(day + ONE_DAY, zone))
