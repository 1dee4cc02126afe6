"""Mean, minimum, maximum and standard deviation of directions, in degrees."""

from collections.abc import Collection

import numpy as np

from services.aggregator.linear import extremes
from services.aggregator.windows import Floats, Groups
from shared.domain.spec import Statistic

FULL_TURN_DEG = 360.0
MIN_RESULTANT = 1e-12
"""A shorter mean vector is a rounding error: 0° and 180° have no mean direction."""


def describe(
    values: Floats, groups: Groups, statistics: Collection[Statistic]
) -> dict[Statistic, Floats]:
    """These statistics, each of shape (groups,), with angles in [0, 360).

    The mean is the direction of the mean of the unit vectors, R is the length of that mean, and the
    standard deviation is √(-2 ln R) in degrees (K. V. Mardia, P. E. Jupp, "Directional Statistics",
    2000, sections 2.2 and 2.3). Minimum and maximum are the samples furthest to the left and to the
    right of the mean. All are NaN if opposite directions have no mean (R = 0). The standard
    deviation of a single value is NaN too.
    """
    angles = wrap(values)
    mean, resultant = _vector_mean(angles, groups)
    deviations = _from_mean(angles, groups.spread(mean))
    results: dict[Statistic, Floats] = {"mean": mean}
    left, right = extremes(deviations, groups)
    results["min"] = angles[groups.first(deviations == groups.spread(left))]
    results["max"] = angles[groups.first(deviations == groups.spread(right))]
    if "std" in statistics:
        results["std"] = _std(deviations, groups)
    has_mean = resultant > MIN_RESULTANT
    return {statistic: np.where(has_mean, results[statistic], np.nan) for statistic in statistics}


def wrap(angles: Floats) -> Floats:
    """The same directions in [0, 360)."""
    wrapped = np.mod(angles, FULL_TURN_DEG)
    # The remainder of a tiny negative angle is rounded up to a full turn.
    return np.where(wrapped < FULL_TURN_DEG, wrapped, 0.0)


def _vector_mean(angles: Floats, groups: Groups) -> tuple[Floats, Floats]:
    """Direction and length of the mean of the unit vectors."""
    radians = np.deg2rad(angles)
    east, north = groups.mean(np.sin(radians)), groups.mean(np.cos(radians))
    mean = wrap(np.rad2deg(np.arctan2(east, north)))
    low, high = extremes(angles, groups)
    return np.where(low == high, low, mean), np.hypot(east, north)


def _from_mean(angles: Floats, mean: Floats) -> Floats:
    """Deviations in [-180, 180); exactly 0 for an angle that equals the mean."""
    deviations = angles - mean
    deviations = np.where(deviations >= FULL_TURN_DEG / 2, deviations - FULL_TURN_DEG, deviations)
    return np.where(deviations < -FULL_TURN_DEG / 2, deviations + FULL_TURN_DEG, deviations)


def _std(deviations: Floats, groups: Groups) -> Floats:
    """1 - R is computed as the mean of 2 sin²(δ/2), because R is near 1 for small deviations and
    1 - R would lose its digits.
    """
    one_minus_r = groups.mean(2.0 * np.square(np.sin(np.deg2rad(deviations) / 2.0)))
    std = np.rad2deg(np.sqrt(-2.0 * np.log1p(-np.minimum(one_minus_r, 1.0))))
    return np.where(groups.sizes > 1, std, np.nan)
