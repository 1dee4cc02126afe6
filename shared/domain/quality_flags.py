"""Quality flags of a window. A flag never deletes or changes a value."""

from enum import IntFlag


class Flag(IntFlag):
    """`quality.flags` is their sum."""

    INCOMPLETE = 1
    """Fewer finite samples than expected."""
    NON_FINITE = 2
    """NaN or an infinity was left out, or a statistic exceeds float64."""
    DUPLICATE = 4
    """Several samples had the same timestamp; the last one was used."""
    FROZEN = 8
    """One value was repeated for `flatline_s` or longer."""
    OUT_OF_RANGE = 16
    """A value was outside the limits of its variable."""
