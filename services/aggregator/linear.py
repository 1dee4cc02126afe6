"""Mean, minimum, maximum and standard deviation of variables that are not directions."""

from collections.abc import Collection

import numpy as np

from services.aggregator.windows import Floats, Groups
from shared.domain.spec import Statistic


def describe(
    values: Floats, groups: Groups, statistics: Collection[Statistic], ddof: int
) -> dict[Statistic, Floats]:
    """These statistics, each of shape (groups,). A statistic that overflows is not finite. The
    standard deviation of a single value is NaN.

    The standard deviation takes two passes: deviations from a first mean, then a correction for the
    rounding of that mean. So no digits are lost for values with a large offset: T. F. Chan,
    G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance", The American
    Statistician 37 (1983), equation 1.7.
    """
    low, high = extremes(values, groups)
    results: dict[Statistic, Floats] = {"min": low, "max": high}
    if "mean" in statistics or "std" in statistics:
        # A rounded mean can lie outside [low, high]. Clipped, a constant has deviations of 0.
        first_mean = np.clip(groups.mean(values), low, high)
        deviations = values - groups.spread(first_mean)
        correction = groups.mean(deviations)
        results["mean"] = _clip_finite(first_mean + correction, low, high)
        if "std" in statistics:
            results["std"] = _std(deviations, correction, groups, ddof)
    return {statistic: results[statistic] for statistic in statistics}


def extremes(values: Floats, groups: Groups) -> tuple[Floats, Floats]:
    """Minimum and maximum of each group."""
    return groups.reduce(np.minimum, values), groups.reduce(np.maximum, values)


def _clip_finite(mean: Floats, low: Floats, high: Floats) -> Floats:
    """Clip finite means; a mean that overflowed becomes NaN, not an extreme value."""
    return np.where(np.isfinite(mean), np.clip(mean, low, high), np.nan)


def _std(deviations: Floats, correction: Floats, groups: Groups, ddof: int) -> Floats:
    squares = groups.reduce(np.add, np.square(deviations)) - groups.sizes * np.square(correction)
    has_std = groups.sizes > 1
    divisor = np.where(has_std, groups.sizes - ddof, 1)
    return np.where(has_std, np.sqrt(np.maximum(squares, 0.0) / divisor), np.nan)
