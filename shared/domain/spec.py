"""What is computed from the samples: the part of the settings that changes the numbers."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationInfo, field_validator

from shared.domain.local_time import day_range
from shared.domain.time_range import TimeRange

Statistic = Literal["mean", "min", "max", "std"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)
DAY_S = 86_400
# A message holds 16 MB, and noise does not compress.
SLICE_BYTES = 12 * 2**20
ValueLimits = dict[str, tuple[FiniteFloat, FiniteFloat]]


class StatisticsSpec(BaseModel):
    """Frozen into a job when it is accepted and carried by each of its batches, so that a change
    of settings never divides a job in two. Lengths are in seconds.
    """

    # The fields' checks look at those before them, so the order counts, and defaults count too.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    window_s: int = Field(default=600, ge=1, le=DAY_S)
    period_s: float = Field(default=60.0, ge=1e-6)
    statistics: tuple[Statistic, ...] = STATISTICS
    ddof: Literal[0, 1] = 1
    circular_variables: tuple[str, ...] = ()
    flatline_s: float | None = None
    value_limits: ValueLimits = Field(default_factory=dict)
    slice_s: int = Field(default=DAY_S, ge=1, le=DAY_S)

    @field_validator("window_s")
    @classmethod
    def _divides_a_day(cls, window_s: int) -> int:
        if DAY_S % window_s:
            raise ValueError(f"a day of {DAY_S} s is no multiple of {window_s} s")
        return window_s

    @field_validator("statistics")
    @classmethod
    def _named_once(cls, statistics: tuple[Statistic, ...]) -> tuple[Statistic, ...]:
        if not statistics or len(set(statistics)) < len(statistics):
            raise ValueError(f"name each of {', '.join(STATISTICS)} once at the most")
        return statistics

    @field_validator("period_s")
    @classmethod
    def _no_longer_than_a_window(cls, period_s: float, so_far: ValidationInfo) -> float:
        if period_s > so_far.data.get("window_s", DAY_S):
            raise ValueError("the sampling period is longer than the window")
        return period_s

    @field_validator("flatline_s")
    @classmethod
    def _within_a_window(cls, flatline_s: float | None, so_far: ValidationInfo) -> float | None:
        if flatline_s is not None and not 0 < flatline_s <= so_far.data.get("window_s", DAY_S):
            raise ValueError("it is looked for within a window: 0 < flatline_s <= window_s")
        return flatline_s

    @field_validator("value_limits")
    @classmethod
    def _from_low_to_high(cls, limits: ValueLimits) -> ValueLimits:
        if any(low > high for low, high in limits.values()):
            raise ValueError("limits go from low to high")
        return limits

    @field_validator("slice_s")
    @classmethod
    def _of_whole_windows(cls, slice_s: int, so_far: ValidationInfo) -> int:
        if slice_s % so_far.data.get("window_s", 1):
            raise ValueError("a slice holds whole windows")
        return slice_s

    @classmethod
    def with_slice_size(cls, *, rows_per_slice: int, variables: int = 1, **fields: object) -> Self:
        """A specification whose slices are a day, or the largest equal piece of a day that holds
        whole windows, at most `rows_per_slice` samples, and at most `SLICE_BYTES` as samples or as
        statistics of so many variables (never less than one window).
        """
        spec = cls.model_validate(fields)
        windows = DAY_S // spec.window_s
        rows = DAY_S / spec.period_s
        columns = len(spec.statistics) + 2  # count and flags
        bytes_a_day = 8 * max(rows * (1 + variables), windows * (2 + variables * columns))
        pieces = next(
            p
            for p in range(1, windows + 1)
            if windows % p == 0
            and (p == windows or max(rows / rows_per_slice, bytes_a_day / SLICE_BYTES) <= p)
        )
        return spec.model_copy(update={"slice_s": DAY_S // pieces})

    @property
    def window_label(self) -> str:
        """`10m`, `1h`, `30s`: the window's length in the largest unit that divides it."""
        for seconds, unit in ((3600, "h"), (60, "m")):
            if self.window_s % seconds == 0:
                return f"{self.window_s // seconds}{unit}"
        return f"{self.window_s}s"

    def spans(self, day: date, zone: ZoneInfo) -> Iterator[TimeRange]:
        """The slices of one local day as half-open UTC spans; a day with a change of clocks is
        shorter or longer than 24 hours, and so is its last slice.
        """
        start, end = day_range(day, zone)
        while start < end:
            stop = min(start + timedelta(seconds=self.slice_s), end)
            yield TimeRange(start, stop)
            start = stop
