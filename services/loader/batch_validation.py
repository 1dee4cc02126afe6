"""Checks whether a batch belongs to its job. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from shared.domain.batches import StatsBatch
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import ONE_DAY, utc_datetime64
from shared.errors import InvalidInput

AS_THEY_ARE = ("attempt", "trace", "cancelled", "started", "timezone")
MAX_COUNT = 2**31 - 1  # of an `integer` column


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContract:
    """The part of a job that its batches have to fit."""

    attempt: int
    trace: str
    cancelled: bool
    started: bool
    first_day: date
    last_day: date
    timezone: str
    variables: tuple[str, ...]
    assets: frozenset[str]
    spec: StatisticsSpec

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        """From a row of `etl.job` as JSON."""
        return cls(
            **{name: row[name] for name in AS_THEY_ARE},
            first_day=date.fromisoformat(row["first_day"]),
            last_day=date.fromisoformat(row["last_day"]),
            variables=tuple(row["variables"]),
            assets=frozenset(row["assets"]),
            spec=StatisticsSpec.model_validate(row["spec"]),
        )

    def takes(self, batch: StatsBatch) -> bool:
        """Whether the job still wants the batch: it is not cancelled, and was not retried. With
        another trace the batch is of a job that had the number before a restore.
        """
        return (
            not self.cancelled
            and batch.attempt == self.attempt
            and batch.slices[0].trace == self.trace
        )

    def require(self, batch: StatsBatch) -> None:
        """Raise `InvalidInput` unless the batch has slices of the job with all their windows."""
        for is_valid, problem in self._checks(batch):
            if not is_valid:
                raise InvalidInput(
                    "contract", f"job {batch.job}, slice from {batch.slices[0].start}: {problem}"
                )

    def _checks(self, batch: StatsBatch) -> Iterator[tuple[bool, str]]:
        """Lazily, because a later check is valid only if the earlier ones have passed."""
        yield self.started, "the job has not started"
        yield batch.spec == self.spec, "the job has another specification"
        yield batch.variables == self.variables, f"the job's variables are {self.variables}"
        for slice_ in batch.slices:
            yield slice_.asset in self.assets, f"the job has no asset {slice_.asset!r}"
            yield self._has_time_range(slice_), f"the job has no slice that ends at {slice_.end}"
        yield _has_windows(batch), "the timestamps are not the starts of its windows"
        yield _has_counts(batch), "a count is missing or exceeds the integer of the target"
        yield _is_finite(batch), "a statistic is infinite"

    def _has_time_range(self, slice_: Slice) -> bool:
        zone = ZoneInfo(self.timezone)
        start_day = slice_.start.astimezone(zone).date()
        # Where clocks go back over midnight, a slice can start on the day before its own day.
        return any(
            slice_.time_range in self.spec.spans(day, zone)
            for day in (start_day, start_day + ONE_DAY)
            if self.first_day <= day <= self.last_day
        )


def _has_windows(batch: StatsBatch) -> bool:
    counts = batch.table_rows
    starts = np.array([utc_datetime64(slice_.start) for slice_ in batch.slices])
    positions = np.arange(batch.table.num_rows) - np.repeat(batch.bounds[:-1], counts)
    window = np.timedelta64(batch.spec.window_s, "s")
    expected = np.repeat(starts, counts) + positions * window
    return np.array_equal(batch.table["timestamp"].to_numpy(), expected)


def _has_counts(batch: StatsBatch) -> bool:
    """Whether each window has counts and flags that the target can store."""
    columns = [c for c in batch.table.columns if c.type == pa.int64()]
    return not any(column.null_count for column in columns) and all(
        values.min() >= 0 and values.max() <= MAX_COUNT
        for values in (column.to_numpy() for column in columns)
    )


def _is_finite(batch: StatsBatch) -> bool:
    columns = (c for c in batch.table.columns if c.type == pa.float64())
    return not any(np.isinf(column.to_numpy()).any() for column in columns)
