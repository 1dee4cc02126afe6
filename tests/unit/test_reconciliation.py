"""Which days differ between the fingerprints of the ledger and those of the source."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.domain.content_hash import Series
from shared.domain.local_time import day_range
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import DateRange, TimeRange
from shared.ledger.loaded_days import LoadedPart
from shared.ledger.reconciliation import _classify, _months, _overlapping

DAY = datetime(2025, 12, 5, tzinfo=UTC)
WHOLE_DAY = TimeRange(DAY, DAY + timedelta(days=1))
ONE, TWO, BOTH, NO_SAMPLES = "1".zfill(16), "2".zfill(16), "3".zfill(16), "0".zfill(16)


SPEC = StatisticsSpec()
MEAN, STD, QUALITY = ("power", "mean"), ("power", "std"), ("power", None)


def loaded(
    job: int,
    start: float,
    end: float,
    fingerprint: str | None,
    contents: Mapping[Series, int | None] | None = None,
) -> LoadedPart:
    """A loaded slice from hour to hour of the day; the content of the mean is 7."""
    hours = TimeRange(DAY + timedelta(hours=start), DAY + timedelta(hours=end))
    return LoadedPart(job, hours, {"power": fingerprint}, contents or {MEAN: 7}, SPEC)


def classify(
    samples: str,
    parts: Sequence[LoadedPart],
    content: int,
    *,
    day: TimeRange = WHOLE_DAY,
    series: Series = MEAN,
    may_be_missing: bool = False,
) -> str | None:
    return _classify(
        series, _overlapping(parts, day), day, SPEC, samples=samples, content=content,
        may_be_missing=may_be_missing,
    )  # fmt: skip


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
    current: str, slices: list[LoadedPart], reason: str | None
) -> None:
    newest = [part for part in slices if part.job == max(part.job for part in slices)]
    content = 7 * len(_overlapping(newest, WHOLE_DAY))
    assert classify(current, slices, content) == reason


def test_each_statistic_is_compared_with_the_newest_job_that_has_it() -> None:
    all_statistics = loaded(1, 0, 24, ONE, {MEAN: 7, STD: 8, QUALITY: 9})
    only_mean = loaded(2, 0, 24, TWO, {MEAN: 5, QUALITY: 9})
    parts = [all_statistics, only_mean]
    assert classify(TWO, parts, 5) is None
    assert classify(TWO, parts, 9, series=QUALITY) is None
    assert classify(TWO, parts, 8, series=STD) == "changed"


@pytest.mark.parametrize(
    ("parts", "content", "reason"),
    [
        ([loaded(1, 0, 24, ONE)], 7, None),
        ([loaded(1, 0, 24, ONE)], 6, "altered"),
        ([loaded(1, 0, 24, ONE)], 0, "altered"),
        ([loaded(1, 0, 24, ONE, {MEAN: None})], 7, "partly"),
        ([loaded(1, 0, 24, ONE, {MEAN: 2**63 - 1}), loaded(2, 0, 24, ONE)], 7, None),
        ([loaded(1, 0, 12, ONE, {MEAN: 2**63 - 1}), loaded(1, 12, 24, "0")], 7 - 2**63 - 1, None),
    ],
)
def test_the_target_has_the_rows_that_were_loaded(
    parts: list[LoadedPart], content: int, reason: str | None
) -> None:
    assert classify(ONE, parts, content) == reason


@pytest.mark.parametrize(
    ("changed", "differing"),
    [
        ({"ddof": 0}, [STD]),
        ({"circular_variables": ("power",)}, [MEAN, STD]),
        ({"circular_variables": ("wind_direction",)}, []),
        ({"value_limits": {"power": (0, 1)}}, [QUALITY]),
        ({"value_limits": {"wind_speed": (0, 1)}}, []),
        ({"flatline_s": 300.0}, [QUALITY]),
        ({"period_s": 1.0}, [QUALITY]),
        ({"slice_s": 3600}, []),
    ],
)
def test_what_was_computed_with_other_settings_differs(
    changed: dict[str, object], differing: list[Series]
) -> None:
    part = loaded(1, 0, 24, ONE, {MEAN: 7, STD: 7, QUALITY: 7})
    part = replace(part, spec=StatisticsSpec.model_validate(changed))
    reasons = {series: classify(ONE, [part], 7, series=series) for series in part.contents}
    assert reasons == {s: "settings" if s in differing else None for s in part.contents}


def test_rows_that_no_job_loaded_are_not_as_the_source_says() -> None:
    assert classify(NO_SAMPLES, [], 3) == "altered"


def test_a_statistic_that_is_not_configured_may_be_missing() -> None:
    assert classify(ONE, [], 0, may_be_missing=True) is None


def test_a_day_of_25_hours_has_two_slices() -> None:
    day = day_range(date(2025, 11, 2), ZoneInfo("America/New_York"))
    first = TimeRange(day.start, day.start + timedelta(hours=24))
    second = TimeRange(first.end, day.end)
    fingerprints = ((first, ONE), (second, TWO))
    slices = [
        LoadedPart(1, part, {"power": value}, {MEAN: 7}, SPEC) for part, value in fingerprints
    ]
    assert classify(BOTH, slices, 14, day=day) is None


def test_the_source_is_queried_31_days_at_a_time() -> None:
    assert list(_months(DateRange(date(2025, 1, 1), date(2025, 3, 31)))) == [
        DateRange(date(2025, 1, 1), date(2025, 1, 31)),
        DateRange(date(2025, 2, 1), date(2025, 3, 3)),
        DateRange(date(2025, 3, 4), date(2025, 3, 31)),
    ]
