"""Mean, minimum, maximum and standard deviation of ordinary quantities."""

from collections.abc import Collection

import numpy as np

from services.aggregator.windows import Floats, Groups
from shared.domain.spec import Statistic


def describe(
    values: Floats, groups: Groups, wanted: Collection[Statistic], ddof: int
) -> dict[Statistic, Floats]:
    """The wanted statistics, each of shape (groups,); not finite where they overflow, and NaN for
    the deviation of a single value.

    Two passes, the second about a first mean and corrected for its rounding, so that nothing is
    lost at large offsets: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the
    sample variance", The American Statistician 37 (1983), equation 1.7.
    """
    low, high = extremes(values, groups)
    found: dict[Statistic, Floats] = {"min": low, "max": high}
    if "mean" in wanted or "std" in wanted:
        # A rounded mean can leave [low, high]; held inside, a constant has deviations of exactly 0.
        about = np.clip(groups.mean(values), low, high)
        deviations = values - groups.spread(about)
        shift = groups.mean(deviations)
        found["mean"] = _within(about + shift, low, high)
        if "std" in wanted:
            found["std"] = _std(deviations, shift, groups, ddof)
    return {statistic: found[statistic] for statistic in wanted}


def extremes(values: Floats, groups: Groups) -> tuple[Floats, Floats]:
    """Minimum and maximum of each group."""
    return groups.reduce(np.minimum, values), groups.reduce(np.maximum, values)


def _within(mean: Floats, low: Floats, high: Floats) -> Floats:
    """Clipped where finite: an overflow must not be taken for an extreme value."""
    return np.where(np.isfinite(mean), np.clip(mean, low, high), np.nan)


def _std(deviations: Floats, shift: Floats, groups: Groups, ddof: int) -> Floats:
    squares = groups.reduce(np.add, np.square(deviations)) - groups.sizes * np.square(shift)
    several = groups.sizes > 1
    divisor = np.where(several, groups.sizes - ddof, 1)
    return np.where(several, np.sqrt(np.maximum(squares, 0.0) / divisor), np.nan)
