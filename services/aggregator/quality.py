"""Quality flags of the windows. They describe values and change none."""

import numpy as np

from services.aggregator.samples import FiniteValues
from services.aggregator.windows import SECOND_US, Bools, Groups, Ints
from shared.domain.spec import StatisticsSpec


def frozen(samples: FiniteValues, spec: StatisticsSpec) -> Bools:
    """(windows,): one value was repeated for `flatline_s` or longer.

    A run is two or more consecutive finite values of a window that are equal. It lasts from its
    first timestamp to one sampling period after its last one. Missing values do not end a run.
    """
    is_frozen = np.zeros(len(samples.bounds) - 1, np.bool_)
    if spec.flatline_s is None or not len(samples.values):
        return is_frozen
    first, last = _runs(samples)
    period_us = round(spec.period_s * SECOND_US)
    duration_us = samples.timestamps[last] - samples.timestamps[first] + period_us
    is_long = (duration_us >= round(spec.flatline_s * SECOND_US)) & (last > first)
    is_frozen[np.searchsorted(samples.bounds, first[is_long], side="right") - 1] = True
    return is_frozen


def _runs(samples: FiniteValues) -> tuple[Ints, Ints]:
    """First and last position of each run of equal values. A run ends where its window ends."""
    is_first = np.append(True, samples.values[1:] != samples.values[:-1])
    is_first[Groups.within(samples.bounds).starts] = True
    first = np.flatnonzero(is_first)
    return first, np.append(first[1:], len(is_first)) - 1


def out_of_range(samples: FiniteValues, limits: tuple[float, float] | None) -> Bools:
    """(windows,): a value is below the first limit or above the second."""
    if limits is None:
        return np.zeros(len(samples.bounds) - 1, np.bool_)
    outside = np.flatnonzero((samples.values < limits[0]) | (samples.values > limits[1]))
    return np.diff(np.searchsorted(outside, samples.bounds)) > 0
