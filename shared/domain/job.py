"""A job as the ledger has it, and the slices that it consists of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from shared.domain.batches import Slice
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import DateRange, TimeRange

State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
END_STATES: tuple[State, ...] = ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the ledger has it. `id` is also its revision: the higher number wins a window.
    `attempt` counts how often it was taken up anew by a retry, this time included.
    """

    id: int
    state: State
    first_day: date
    last_day: date
    timezone: str
    variables: tuple[str, ...]
    assets: tuple[str, ...]
    spec: StatisticsSpec
    trace: str
    created_at: datetime
    started_at: datetime | None
    progressed_at: datetime | None
    slices_total: int | None
    published: int
    loaded: int
    superseded: int
    rows: int
    windows: int
    present: int
    expected: int
    extract_ms: float
    aggregate_ms: float
    load_ms: float
    reason: str | None
    error: str | None
    attempt: int

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in END_STATES

    @property
    def coverage(self) -> float | None:
        """Samples found over samples expected, of the slices loaded so far."""
        return min(1.0, self.present / self.expected) if self.expected else None

    @property
    def days(self) -> DateRange:
        """Every local day of the job, in order."""
        return DateRange(self.first_day, self.last_day)

    def spans(self) -> Iterator[TimeRange]:
        """The half-open UTC spans that each asset's slices have, in order."""
        zone = ZoneInfo(self.timezone)
        return (span for day in self.days for span in self.spec.spans(day, zone))

    def slices(self, assets: Iterable[str]) -> Iterator[Slice]:
        """The manifest of these assets: every slice, by asset and time."""
        for asset in assets:
            for start, end in self.spans():
                yield Slice(
                    job=self.id, attempt=self.attempt, asset=asset, start=start, end=end,
                    variables=self.variables, spec=self.spec, trace=self.trace,
                )  # fmt: skip


COLUMNS = ", ".join(f.name for f in fields(Job))


def from_row(row: Row[Any]) -> Job:
    """A job from a row of `COLUMNS`."""
    values = dict(row._mapping)
    for name in ("variables", "assets"):
        values[name] = tuple(values[name])
    return Job(**{**values, "spec": StatisticsSpec.model_validate(values["spec"])})
