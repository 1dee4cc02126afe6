"""Quality flags of a window. A flag never deletes or changes a value."""

from enum import IntFlag


class Flag(IntFlag):
    """Stored as their sum in `quality.flags`."""

    INCOMPLETE = 1
    """Fewer finite samples than the window should have."""
    NON_FINITE = 2
    """NaN or an infinity among the samples; it was left out."""
    DUPLICATE = 4
    """More than one sample with one stamp; the last was kept."""
    FROZEN = 8
    """One value for longer than `flatline_s`."""
    OUT_OF_RANGE = 16
    """A value outside the variable's limits."""
