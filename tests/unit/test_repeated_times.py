"""The local times that occur twice because the clocks are set back."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.local_time import LONGEST_SEARCH, repeated_times
from shared.domain.time_range import ONE_DAY

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "day", "first", "shift"),
    [
        ("Europe/Berlin", "2025-10-26", "2025-10-26 02:00", HOUR),
        ("America/New_York", "2025-11-02", "2025-11-02 01:00", HOUR),
        ("Australia/Lord_Howe", "2025-04-06", "2025-04-06 01:30", HOUR / 2),
        ("America/Sao_Paulo", "2018-02-18", "2018-02-17 23:00", HOUR),
    ],
)
def test_they_end_when_the_clocks_are_set_back(
    zone: str, day: str, first: str, shift: timedelta
) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    [times] = repeated_times(zone, start, start + ONE_DAY)
    begin = datetime.fromisoformat(first)
    assert times == (begin, begin + shift, shift)


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", "2025-10-26"), ("Europe/Berlin", "2025-03-30"), ("Europe/Berlin", "2025-07-01")],
)
def test_on_other_days_there_are_none(zone: str, day: str) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    assert repeated_times(zone, start, start + ONE_DAY) == ()


def test_every_autumn_of_a_long_range_has_some() -> None:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    assert len(repeated_times("Europe/Berlin", start, start + 3_660 * ONE_DAY)) == 10
    assert repeated_times("Europe/Berlin", start, start + LONGEST_SEARCH + ONE_DAY) == ()
