"""Quality flags of the windows. They say something about the values and change none."""

import numpy as np

from services.aggregator.samples import FiniteValues
from services.aggregator.windows import SECOND_US, Bools, Groups, Ints
from shared.domain.spec import StatisticsSpec


def frozen(samples: FiniteValues, spec: StatisticsSpec) -> Bools:
    """(windows,): one value was repeated for `flatline_s` or longer.

    A run is two or more consecutive finite values of a window that are equal; it lasts from its
    first stamp to one sampling period after its last. Missing values do not end it.
    """
    found = np.zeros(len(samples.bounds) - 1, np.bool_)
    if spec.flatline_s is None or not len(samples.values):
        return found
    first, last = _runs(samples)
    lasted = samples.stamps[last] - samples.stamps[first] + round(spec.period_s * SECOND_US)
    long = (lasted >= round(spec.flatline_s * SECOND_US)) & (last > first)
    found[np.searchsorted(samples.bounds, first[long], side="right") - 1] = True
    return found


def _runs(samples: FiniteValues) -> tuple[Ints, Ints]:
    """First and last position of each run of equal values; a window's end ends it."""
    begins = np.append(True, samples.values[1:] != samples.values[:-1])
    begins[Groups.within(samples.bounds).starts] = True
    first = np.flatnonzero(begins)
    return first, np.append(first[1:], len(begins)) - 1


def out_of_range(samples: FiniteValues, limits: tuple[float, float] | None) -> Bools:
    """(windows,): some value is below the first limit or above the second."""
    if limits is None:
        return np.zeros(len(samples.bounds) - 1, np.bool_)
    outside = np.flatnonzero((samples.values < limits[0]) | (samples.values > limits[1]))
    return np.diff(np.searchsorted(outside, samples.bounds)) > 0
