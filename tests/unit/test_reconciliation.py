"""Which days differ, from what the ledger has and what the connector says."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.domain.local_time import local_midnight
from shared.ledger.reconciliation import _classify, _LoadedSpan, _months

DAY = datetime(2025, 12, 5, tzinfo=UTC)
SPAN = (DAY, DAY + timedelta(days=1))
ONE, TWO, BOTH, NOTHING = "1".zfill(16), "2".zfill(16), "3".zfill(16), "0".zfill(16)


def part(job: int, start: float, end: float, fingerprint: str | None) -> _LoadedSpan:
    """From hour to hour of the day."""
    first, last = DAY + timedelta(hours=start), DAY + timedelta(hours=end)
    return _LoadedSpan(job, first, last, fingerprint)


@pytest.mark.parametrize(
    ("now", "parts", "why"),
    [
        (ONE, [part(1, 0, 24, ONE)], None),
        (TWO, [part(1, 0, 24, ONE)], "changed"),
        (NOTHING, [part(1, 0, 24, ONE)], "changed"),
        (BOTH, [part(1, 12, 24, TWO), part(1, 0, 12, ONE)], None),
        (BOTH, [part(1, 0, 12, ONE)], "partly"),
        (BOTH, [part(1, 0, 11, ONE), part(1, 12, 24, TWO)], "partly"),
        (ONE, [part(1, 0, 24, None)], "partly"),
        (ONE, [part(1, 3, 27, ONE)], "partly"),
        (TWO, [part(1, 0, 24, ONE), part(2, 0, 24, TWO)], None),
        (ONE, [part(1, 0, 24, ONE), part(2, 0, 24, TWO)], "changed"),
        (ONE, [part(1, 0, 24, ONE), part(2, 0, 12, TWO)], "partly"),
        (ONE, [part(1, -24, 0, ONE)], "missing"),
        (NOTHING, [], None),
    ],
)
def test_the_newest_job_of_a_day_has_to_have_read_what_the_source_has(
    now: str, parts: list[_LoadedSpan], why: str | None
) -> None:
    assert _classify(now, parts, SPAN, is_wanted=True) == why


def test_what_nobody_wants_is_not_missing() -> None:
    assert _classify(ONE, [], SPAN, is_wanted=False) is None


def test_a_day_may_have_an_hour_more() -> None:
    zone = ZoneInfo("America/New_York")
    day = date(2025, 11, 2)
    start, end = (local_midnight(d, zone) for d in (day, day + timedelta(days=1)))
    whole = [_LoadedSpan(1, start, start + timedelta(hours=24), ONE)]
    whole.append(_LoadedSpan(1, whole[0].end, end, TWO))
    assert _classify(BOTH, whole, (start, end), is_wanted=True) is None


def test_a_long_time_is_asked_for_a_month_at_a_time() -> None:
    parts = list(_months(date(2025, 1, 1), date(2025, 3, 31)))
    assert parts == [
        (date(2025, 1, 1), date(2025, 1, 31)),
        (date(2025, 2, 1), date(2025, 3, 3)),
        (date(2025, 3, 4), date(2025, 3, 31)),
    ]
