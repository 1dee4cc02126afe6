"""Mean, minimum, maximum and standard deviation of directions, in degrees."""

from collections.abc import Collection

import numpy as np

from services.aggregator.linear import extremes
from services.aggregator.windows import Floats, Groups
from shared.domain.spec import Statistic

FULL_TURN_DEG = 360.0
# A resultant this short is rounding: 0° and 180° have no mean direction, and none is made up.
NO_DIRECTION = 1e-12


def describe(
    values: Floats, groups: Groups, wanted: Collection[Statistic]
) -> dict[Statistic, Floats]:
    """The wanted statistics, each of shape (groups,), angles in [0, 360).

    The mean is that of the unit vectors, R the length of their mean, the deviation √(-2 ln R) in
    degrees (K. V. Mardia, P. E. Jupp, "Directional Statistics", 2000, sections 2.2 and 2.3).
    Minimum and maximum are the samples furthest to the left and to the right of the mean. All
    are NaN where opposite directions leave no mean (R = 0), the deviation of a single value too.
    """
    angles = wrap(values)
    mean, resultant = _vector_mean(angles, groups)
    deviations = _from_mean(angles, groups.spread(mean))
    found: dict[Statistic, Floats] = {"mean": mean}
    left, right = extremes(deviations, groups)
    found["min"] = angles[groups.first(deviations == groups.spread(left))]
    found["max"] = angles[groups.first(deviations == groups.spread(right))]
    if "std" in wanted:
        found["std"] = _std(deviations, groups)
    directed = resultant > NO_DIRECTION
    return {statistic: np.where(directed, found[statistic], np.nan) for statistic in wanted}


def wrap(angles: Floats) -> Floats:
    """The same directions in [0, 360)."""
    turned = np.mod(angles, FULL_TURN_DEG)
    # The remainder of a tiny negative angle rounds up to a full turn.
    return np.where(turned < FULL_TURN_DEG, turned, 0.0)


def _vector_mean(angles: Floats, groups: Groups) -> tuple[Floats, Floats]:
    """Direction and length of the mean of the unit vectors."""
    radians = np.deg2rad(angles)
    east, north = groups.mean(np.sin(radians)), groups.mean(np.cos(radians))
    mean = wrap(np.rad2deg(np.arctan2(east, north)))
    low, high = extremes(angles, groups)
    return np.where(low == high, low, mean), np.hypot(east, north)


def _from_mean(angles: Floats, mean: Floats) -> Floats:
    """Deviations in [-180, 180); exactly 0 for the mean itself."""
    deviations = angles - mean
    deviations = np.where(deviations >= FULL_TURN_DEG / 2, deviations - FULL_TURN_DEG, deviations)
    return np.where(deviations < -FULL_TURN_DEG / 2, deviations + FULL_TURN_DEG, deviations)


def _std(deviations: Floats, groups: Groups) -> Floats:
    """1 - R is the mean of 2 sin²(δ/2): R itself, near 1, has no digits left for small spreads."""
    short = groups.mean(2.0 * np.square(np.sin(np.deg2rad(deviations) / 2.0)))
    std = np.rad2deg(np.sqrt(-2.0 * np.log1p(-np.minimum(short, 1.0))))
    return np.where(groups.sizes > 1, std, np.nan)
