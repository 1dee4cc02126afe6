"""Which days differ between the fingerprints of the ledger and those of the source."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.domain.local_time import day_range
from shared.domain.time_range import DateRange, TimeRange
from shared.ledger.reconciliation import LoadedFingerprint, _classify, _months

DAY = datetime(2025, 12, 5, tzinfo=UTC)
WHOLE_DAY = TimeRange(DAY, DAY + timedelta(days=1))
ONE, TWO, BOTH, NO_SAMPLES = "1".zfill(16), "2".zfill(16), "3".zfill(16), "0".zfill(16)


def loaded(job: int, start: float, end: float, fingerprint: str | None) -> LoadedFingerprint:
    """A loaded slice from hour to hour of the day."""
    hours = TimeRange(DAY + timedelta(hours=start), DAY + timedelta(hours=end))
    return LoadedFingerprint(job, hours, fingerprint)


@pytest.mark.parametrize(
    ("current", "slices", "reason"),
    [
        (ONE, [loaded(1, 0, 24, ONE)], None),
        (TWO, [loaded(1, 0, 24, ONE)], "changed"),
        (NO_SAMPLES, [loaded(1, 0, 24, ONE)], "changed"),
        (BOTH, [loaded(1, 12, 24, TWO), loaded(1, 0, 12, ONE)], None),
        (BOTH, [loaded(1, 0, 12, ONE)], "partly"),
        (BOTH, [loaded(1, 0, 11, ONE), loaded(1, 12, 24, TWO)], "partly"),
        (ONE, [loaded(1, 0, 24, None)], "partly"),
        (ONE, [loaded(1, 3, 27, ONE)], "partly"),
        (TWO, [loaded(1, 0, 24, ONE), loaded(2, 0, 24, TWO)], None),
        (ONE, [loaded(1, 0, 24, ONE), loaded(2, 0, 24, TWO)], "changed"),
        (ONE, [loaded(1, 0, 24, ONE), loaded(2, 0, 12, TWO)], "partly"),
        (ONE, [loaded(1, -24, 0, ONE)], "missing"),
        (NO_SAMPLES, [], None),
    ],
)
def test_a_day_is_compared_with_what_its_newest_job_loaded(
    current: str, slices: list[LoadedFingerprint], reason: str | None
) -> None:
    assert _classify(current, slices, WHOLE_DAY, is_wanted=True) == reason


def test_a_variable_that_is_not_wanted_is_not_missing() -> None:
    assert _classify(ONE, [], WHOLE_DAY, is_wanted=False) is None


def test_a_day_of_25_hours_has_two_slices() -> None:
    day = day_range(date(2025, 11, 2), ZoneInfo("America/New_York"))
    first = TimeRange(day.start, day.start + timedelta(hours=24))
    second = TimeRange(first.end, day.end)
    slices = [LoadedFingerprint(1, first, ONE), LoadedFingerprint(1, second, TWO)]
    assert _classify(BOTH, slices, day, is_wanted=True) is None


def test_the_source_is_queried_31_days_at_a_time() -> None:
    assert list(_months(DateRange(date(2025, 1, 1), date(2025, 3, 31)))) == [
        DateRange(date(2025, 1, 1), date(2025, 1, 31)),
        DateRange(date(2025, 2, 1), date(2025, 3, 3)),
        DateRange(date(2025, 3, 4), date(2025, 3, 31)),
    ]
