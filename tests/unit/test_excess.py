"""Far more samples than the sampling period lets expect: what says so, and which setting helps."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from services.aggregator import excess
from services.aggregator.aggregate import aggregate
from services.extractor import slice_size
from shared.domain.spec import StatisticsSpec
from shared.errors import InvalidInput
from tests.unit.batches import DAY, joined, minutes, raw_batch, slice_of

WINDOW = timedelta(minutes=10)
DAY_ROWS = 3_000_000


def test_a_window_with_far_more_samples_than_expected_is_logged() -> None:
    short = slice_of(end=DAY + 2 * WINDOW)
    complete = raw_batch(short, minutes(20), [1.0] * 20)
    seconds = [n * 0.1 for n in range(6_000)]
    crowded = raw_batch(replace(short, asset="T02"), seconds, [1.0] * 6_000)
    with capture_logs() as logs:
        excess.warn(aggregate(complete))
        excess.warn(aggregate(joined(complete, crowded)))
    [line] = logs
    expected = {"asset": "T02", "samples": 6_000, "expected": 10, "windows": 1}
    assert expected.items() <= line.items()
    assert line["start"] == DAY.isoformat()


def test_some_more_samples_than_expected_are_not_logged() -> None:
    seconds = [n * 40.0 for n in range(15)]
    with capture_logs() as logs:
        excess.warn(aggregate(raw_batch(slice_of(end=DAY + WINDOW), seconds, seconds)))
    assert logs == []


@pytest.mark.parametrize(
    ("spec", "setting"),
    [
        (StatisticsSpec(), "MINUANO_SAMPLING_PERIOD_S .* at most 0.0288 s"),
        (StatisticsSpec(period_s=0.0288), "MINUANO_MAX_SLICE_ROWS"),
        (StatisticsSpec(period_s=0.0288, window_s=86_400), "MINUANO_WINDOW_S"),
    ],
)
def test_a_slice_that_no_message_can_hold_names_the_setting_that_helps(
    spec: StatisticsSpec, setting: str
) -> None:
    slice_size.require_fit(slice_of(spec=spec), DAY_ROWS // 2)
    with pytest.raises(InvalidInput, match=f"T01 has {DAY_ROWS} .* 2025-12-05 00:00 .*{setting}"):
        slice_size.require_fit(slice_of(spec=spec), DAY_ROWS)
