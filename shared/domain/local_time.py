"""Instants as they are written in a request, and the clocks of a zone."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.domain.time_range import ONE_DAY, TimeRange

# Room for any zone's offset within what datetime can hold.
EARLIEST, LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)
LONGEST_SEARCH = timedelta(days=14_600)
DATE_LENGTH = len("2025-12-05")
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
INSTANT_PATTERN = (
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    rf"([T ]{_CLOCK}(:[0-5][0-9](\.[0-9]{{1,6}})?)?(Z|[+-]{_CLOCK})?)?$"
)
"""How an instant is written, as a pattern that a JSON schema can hold too."""
_WRITTEN = re.compile(INSTANT_PATTERN)
INSTANT_FORMAT = "write 2025-12-05, 2025-12-05T00:00:00Z or 2025-12-05T00:00:00-03:00 (+ as %2B)"


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """The instant in UTC. A date is its midnight in `zone`, a time without offset is one of
    `zone`'s clocks; ValueError for what is no instant, or not a single one.
    """
    written = _WRITTEN.fullmatch(text)
    if not written:
        raise ValueError(f"no instant: {INSTANT_FORMAT}")
    try:
        found = _read(text, zone)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no instant ({error}): {INSTANT_FORMAT}") from None
    if not EARLIEST <= found <= LATEST:
        raise ValueError(f"outside of {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}")
    return found


def _read(text: str, zone: ZoneInfo) -> datetime:
    if len(text) == DATE_LENGTH:
        return local_midnight(date.fromisoformat(text), zone)
    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=zone)
        if stamp.utcoffset() != stamp.replace(fold=1).utcoffset():
            raise ValueError(f"the clocks of {zone.key} change then: add an offset")
    return stamp.astimezone(UTC)


def end_of_day(start: datetime, zone: ZoneInfo) -> datetime:
    """The midnight that ends the local day of `start`."""
    return local_midnight(start.astimezone(zone).date() + ONE_DAY, zone)


@lru_cache(maxsize=1024)
def has_constant_offset(zone: str, start: datetime, end: datetime) -> bool:
    """Whether `zone`'s offset surely stays the same from a day before `start` to a day after
    `end`, so that local stamps are in the order of their instants.
    """
    if zone == "UTC":
        return True
    if end - start > LONGEST_SEARCH:
        return False
    days = (end - start) // ONE_DAY + 3
    clock = ZoneInfo(zone)
    noons = (start + (n - 1) * ONE_DAY for n in range(days + 1))
    return len({noon.astimezone(clock).utcoffset() for noon in noons}) == 1


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which `day` begins in `zone`."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_range(day: date, zone: ZoneInfo) -> TimeRange:
    """A local day as a half-open UTC range; a change of clocks makes it shorter or longer."""
    return TimeRange(local_midnight(day, zone), local_midnight(day + ONE_DAY, zone))
