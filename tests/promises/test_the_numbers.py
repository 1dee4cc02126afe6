"""README.md, "The numbers". Each example checks the sentence that it quotes.

Every example writes a few samples: power in kW, one per minute; `None` is a missing value.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import sqrt

import pytest

from tests.e2e.pipeline import Pipeline
from tests.promises.interfaces import Sql

MIDNIGHT = datetime(2025, 12, 5, tzinfo=UTC)


def compute(stack: Pipeline, power: Sequence[float | None], *, first: datetime = MIDNIGHT) -> None:
    """Replace the samples of the source by these and run the day."""
    minutes = (first + timedelta(minutes=n) for n in range(len(power)))
    stack.fill_source(
        [("T01", minute, None, kw, None) for minute, kw in zip(minutes, power, strict=True)]
    )
    stack.run(date="2025-12-05", variables=["power"])


def test_windows_begin_at_midnight_whenever_the_first_sample_is(
    stack: Pipeline, target_sql: Sql
) -> None:
    """> the first window of a day begins at local midnight, not at the first sample."""
    compute(stack, [100.0] * 6, first=MIDNIGHT + timedelta(minutes=7))  # 00:07 to 00:12
    windows = target_sql("SELECT DISTINCT timestamp FROM data ORDER BY 1")
    assert windows == [(MIDNIGHT,), (MIDNIGHT + timedelta(minutes=10),)]


def test_missing_values_are_left_out(stack: Pipeline, target_sql: Sql) -> None:
    """> Missing values are left out, never counted as 0."""
    compute(stack, [100.0, None, 300.0])
    assert target_sql("SELECT value, min_value FROM signal_data") == [(200.0, 100.0)]


def test_std_is_the_sample_standard_deviation(stack: Pipeline, target_sql: Sql) -> None:
    """> std is the sample standard deviation (ddof = 1)"""
    compute(stack, [1.0, 2.0, 6.0])  # mean 3, squared differences 4 + 1 + 9
    [(std,)] = target_sql("SELECT std_value FROM signal_data")
    assert std == pytest.approx(sqrt((4 + 1 + 9) / (3 - 1)))


def test_an_incomplete_window_has_a_row_in_quality(stack: Pipeline, target_sql: Sql) -> None:
    """> a row in `quality`: samples found, samples expected"""
    compute(stack, [100.0] * 10 + [100.0] * 7)
    rows = target_sql("SELECT count, expected FROM quality WHERE count > 0")
    assert rows == [(7, 10)]
