"""The error of a slice whose samples do not fit into one message."""

from shared.domain.arrow_codec import MAX_TABLE_BYTES
from shared.domain.slices import Slice
from shared.domain.spec import EXCESS
from shared.errors import InvalidInput


def require_fit(slice_: Slice, rows: int) -> None:
    """`InvalidInput` as soon as a slice has more samples than a message can hold, so that no more
    of them are kept in memory.
    """
    if rows * 8 * (1 + len(slice_.variables)) > MAX_TABLE_BYTES:
        raise too_large(slice_, rows)


def too_large(slice_: Slice, rows: int) -> InvalidInput:
    """The error of a slice with at least so many samples; it names the setting that helps."""
    seconds = (slice_.end - slice_.start).total_seconds()
    expected = seconds / slice_.spec.period_s
    if rows > EXCESS * expected:
        advice = (
            f"{expected:.0f} are expected: set MINUANO_SAMPLING_PERIOD_S to the sampling period of "
            f"the source, which is at most {seconds / rows:.3g} s"
        )
    elif seconds > slice_.spec.window_s:
        advice = "lower MINUANO_MAX_SLICE_ROWS"
    else:
        advice = "a slice has a whole window: request fewer variables or lower MINUANO_WINDOW_S"
    return InvalidInput(
        "too_large",
        f"too many samples for one message: {slice_.asset or 'the source'} has {rows} or more from "
        f"{slice_.start:%Y-%m-%d %H:%M} to {slice_.end:%Y-%m-%d %H:%M} UTC; {advice}; "
        "then request a new job",
    )
