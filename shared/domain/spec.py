"""The statistics specification: all settings that change the results."""

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
# A message has at most 16 MB, and noise does not compress.
SLICE_BYTES = 12 * 2**20
EXCESS = 1.5
"""So many times the samples expected cannot come from jitter: the sampling period is wrong."""
ValueLimits = dict[str, tuple[FiniteFloat, FiniteFloat]]


class StatisticsSpec(BaseModel):
    """A job gets its specification when it is accepted, and each of its batches carries it. So all
    slices of a job are computed alike, even if settings change meanwhile. Lengths are in seconds.
    """

    # A validator sees the fields before its own, so their order and their defaults matter.
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
    def _must_divide_a_day(cls, window_s: int) -> int:
        if DAY_S % window_s:
            raise ValueError(f"a day of {DAY_S} s is not a multiple of {window_s} s")
        return window_s

    @field_validator("statistics")
    @classmethod
    def _must_be_unique(cls, statistics: tuple[Statistic, ...]) -> tuple[Statistic, ...]:
        if not statistics or len(set(statistics)) < len(statistics):
            raise ValueError(f"name one or more of {', '.join(STATISTICS)}, each once")
        return statistics

    @field_validator("period_s")
    @classmethod
    def _must_fit_into_a_window(cls, period_s: float, info: ValidationInfo) -> float:
        if period_s > info.data.get("window_s", DAY_S):
            raise ValueError("the sampling period is longer than the window")
        return period_s

    @field_validator("flatline_s")
    @classmethod
    def _must_fit_a_window(cls, flatline_s: float | None, info: ValidationInfo) -> float | None:
        if flatline_s is not None and not 0 < flatline_s <= info.data.get("window_s", DAY_S):
            raise ValueError("a flatline lies within one window: 0 < flatline_s <= window_s")
        return flatline_s

    @field_validator("value_limits")
    @classmethod
    def _must_be_ordered(cls, limits: ValueLimits) -> ValueLimits:
        if any(low > high for low, high in limits.values()):
            raise ValueError("the lower limit comes first")
        return limits

    @field_validator("slice_s")
    @classmethod
    def _must_have_whole_windows(cls, slice_s: int, info: ValidationInfo) -> int:
        if slice_s % info.data.get("window_s", 1):
            raise ValueError("a slice must have whole windows")
        return slice_s

    @classmethod
    def with_slice_size(cls, *, rows_per_slice: int, variables: int = 1, **fields: object) -> Self:
        """A specification whose slices are a day long, or the largest equal fraction of a day with
        whole windows, at most `rows_per_slice` samples, and at most `SLICE_BYTES` as samples or as
        statistics of that many variables. A slice has at least one window.
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
    def variables_by_setting(self) -> dict[str, tuple[str, ...]]:
        """The variables that each setting names. A source without one of them is a mistake: a
        direction under another name would get a linear mean, and its limits would never be checked.
        """
        return {
            "MINUANO_CIRCULAR_VARIABLES": self.circular_variables,
            "MINUANO_VALUE_LIMITS": tuple(self.value_limits),
        }

    @property
    def window_label(self) -> str:
        """The length of the window in the largest unit that divides it: `10m`, `1h`, `30s`."""
        for seconds, unit in ((3600, "h"), (60, "m")):
            if self.window_s % seconds == 0:
                return f"{self.window_s // seconds}{unit}"
        return f"{self.window_s}s"

    def spans(self, day: date, zone: ZoneInfo) -> Iterator[TimeRange]:
        """The UTC time ranges of the slices of one local day. If the clocks change, the day is
        shorter or longer than 24 hours, and its last slice is shorter.
        """
        start, end = day_range(day, zone)
        while start < end:
            stop = min(start + timedelta(seconds=self.slice_s), end)
            yield TimeRange(start, stop)
            start = stop
