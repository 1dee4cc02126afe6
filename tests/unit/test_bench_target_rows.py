"""Contenders that write other rows are found."""

import numpy as np
import pytest

from bench.target_rows import TargetRows, require_same
from shared.errors import MinuanoError


def rows(*, second: float = 2.0, count: int = 2, minute: int = 10) -> TargetRows:
    timestamps = np.array(["2021-01-01T00:00", f"2021-01-01T00:{minute}"], "datetime64[us]")
    signals, values = np.array([7, 7], np.int32), np.array([0.0, second])
    return [signals[:count], timestamps[:count], values[:count]]


@pytest.mark.parametrize("actual", [rows(count=1), rows(minute=20)])
def test_other_windows_are_an_error(actual: TargetRows) -> None:
    with pytest.raises(MinuanoError, match="floor wrote other windows"):
        require_same("floor", actual, rows())


def test_an_other_value_is_an_error_that_names_it() -> None:
    with pytest.raises(
        MinuanoError, match=r"1 other values: signal 7 at 2021-01-01T00:10:00.0+ is 2.1"
    ):
        require_same("floor", rows(second=2.1), rows())


def test_a_difference_in_the_last_digits_is_none() -> None:
    require_same("floor", rows(second=2 + 1e-9), rows())
