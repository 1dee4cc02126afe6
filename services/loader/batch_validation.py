"""Whether a batch is what its job asked for: only then may it count towards it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from shared.domain.batches import Slice, StatsBatch
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import ONE_DAY, TimeRange, utc_datetime64
from shared.errors import InvalidInput

MAX_COUNT = 2**31 - 1  # of an integer in the target


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContract:
    """What a job asked for."""

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
        """From the job's row of the ledger."""
        return cls(
            **{name: row[name] for name in ("cancelled", "started", "timezone")},
            first_day=row["first_day"],
            last_day=row["last_day"],
            variables=tuple(row["variables"]),
            assets=frozenset(row["assets"]),
            spec=StatisticsSpec.model_validate(row["spec"]),
        )

    def require(self, batch: StatsBatch) -> None:
        """`Rejected` unless the batch is one of the job's slices, with each of its windows."""
        part = batch.slice
        for holds, else_ in self._checks(batch):
            if not holds:
                raise InvalidInput("contract", f"job {part.job}, slice from {part.start}: {else_}")

    def _checks(self, batch: StatsBatch) -> Iterator[tuple[bool, str]]:
        """One after another, for the later ones need the earlier."""
        part = batch.slice
        yield self.started, "the job has not started"
        yield part.spec == self.spec, "the job has another specification"
        yield part.variables == self.variables, f"the job's variables are {self.variables}"
        yield part.asset in self.assets, f"the job has no asset {part.asset!r}"
        yield self._has_span(part), f"until {part.end} is no slice of the job"
        yield _has_windows(batch), "the stamps are not the starts of its windows"
        yield _is_counted(batch), "a count is missing, or none that the target can hold"
        yield _is_finite(batch), "a statistic is infinite"

    def _has_span(self, part: Slice) -> bool:
        zone = ZoneInfo(self.timezone)
        day = part.start.astimezone(zone).date()
        # Where clocks go back over midnight, a slice can begin on the day before its own.
        return any(
            TimeRange(part.start, part.end) in self.spec.spans(own, zone)
            for own in (day, day + ONE_DAY)
            if self.first_day <= own <= self.last_day
        )


def _has_windows(batch: StatsBatch) -> bool:
    part = batch.slice
    step = np.timedelta64(part.spec.window_s, "s")
    starts = np.arange(utc_datetime64(part.start), utc_datetime64(part.end), step)
    return np.array_equal(batch.table["timestamp"].to_numpy(), starts)


def _is_counted(batch: StatsBatch) -> bool:
    """Whether each window has its counts and flags, and the target can hold them."""
    columns = [c for c in batch.table.columns if c.type == pa.int64()]
    return not any(column.null_count for column in columns) and all(
        values.min() >= 0 and values.max() <= MAX_COUNT
        for values in (column.to_numpy() for column in columns)
    )


def _is_finite(batch: StatsBatch) -> bool:
    columns = (c for c in batch.table.columns if c.type == pa.float64())
    return not any(np.isinf(column.to_numpy()).any() for column in columns)
