"""A job of the ledger, its states and its slices."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from itertools import chain
from typing import Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import DateRange, TimeRange

State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
ACTIVE_STATES: tuple[State, ...] = ("queued", "running")
RETRYABLE_STATES: tuple[State, ...] = ("failed", "cancelled")
END_STATES: tuple[State, ...] = ("done", *RETRYABLE_STATES)


MAX_FIRST_ASSETS = 4
IDLE_S = (
    "CAST(abs(extract(epoch FROM now() - greatest(created_at, started_at, progressed_at))) "
    "AS double precision)"
)
"""SQL: seconds since a job was created, was started, or last progressed, by the clock of the target
alone. Without its sign: a clock that went back does not hide a job that does not move.
"""
_SQL = {
    "asset_count": "cardinality(array_remove(assets, '')) AS asset_count",
    "first_assets": f"(array_remove(assets, ''))[1:{MAX_FIRST_ASSETS}] AS first_assets",
    "ledger": "(SELECT CAST(etl.ledger_identity() AS text)) AS ledger",
    "idle_s": f"{IDLE_S} AS idle_s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """A row of the view `etl.job_status`. Where two jobs cover a window, the higher `id` wins.
    `attempt` is 1, and one more after each retry. A job may have thousands of assets: a summary has
    their number and the first names. The asset of a source without an asset column is not counted.
    `republished` is how often it was lost and published again since a slice was loaded. `idle_s`
    are the seconds without progress when the row was read.
    """

    id: int
    state: State
    first_day: date
    last_day: date
    timezone: str
    variables: tuple[str, ...]
    asset_count: int
    first_assets: tuple[str, ...]
    spec: StatisticsSpec
    only_changed: bool
    trace: str
    created_at: datetime
    started_at: datetime | None
    progressed_at: datetime | None
    pruned_at: datetime | None
    slices_total: int | None
    republished: int
    published: int
    loaded: int
    superseded: int
    unchanged: int
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
    idle_s: float = field(default=0.0, compare=False)

    @classmethod
    def columns(cls) -> str:
        """The columns to select from `etl.job_status`."""
        return ", ".join(_SQL.get(f.name, f.name) for f in fields(cls))

    @classmethod
    def returned(cls) -> str:
        """The same columns, for a statement that changes `etl.job AS j`."""
        names = (f.name for f in fields(cls))
        return ", ".join(
            "etl.state(j) AS state" if n == "state" else _SQL.get(n, f"j.{n}") for n in names
        )

    @classmethod
    def from_row(cls, row: Row[Any]) -> Self:
        """From a row of `columns`."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in row._mapping.items()
        }
        return cls(**values | {"spec": StatisticsSpec.model_validate(values["spec"])})

    @property
    def is_ended(self) -> bool:
        """Whether the job is in a final state. Only a retry or a replay changes it."""
        return self.state in END_STATES

    @property
    def moved_at(self) -> datetime:
        """When the job was created, was started, or last progressed."""
        stamps = (self.created_at, self.started_at, self.progressed_at)
        return max(stamp for stamp in stamps if stamp is not None)

    @property
    def coverage(self) -> float | None:
        """Samples present divided by samples expected, of the slices loaded so far; at most 1."""
        return min(1.0, self.present / self.expected) if self.expected else None

    @property
    def days(self) -> DateRange:
        """The local days of the job, in order."""
        return DateRange(self.first_day, self.last_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(JobSummary):
    """A job with the names of all its assets, and the identity of the ledger that has it."""

    assets: tuple[str, ...]
    ledger: str

    def spans(self) -> Iterator[TimeRange]:
        """The UTC time ranges of the slices of each asset, in order."""
        return chain.from_iterable(self.spans_by_day())

    def spans_by_day(self) -> Iterator[list[TimeRange]]:
        """The same time ranges, those of each local day in a list."""
        zone = ZoneInfo(self.timezone)
        return (list(self.spec.spans(day, zone)) for day in self.days)

    def slice_of(self, asset: str, time_range: TimeRange) -> Slice:
        """One slice of the job."""
        return Slice(
            job=self.id, attempt=self.attempt, asset=asset, start=time_range.start,
            end=time_range.end, variables=self.variables, spec=self.spec, trace=self.trace,
            ledger=self.ledger,
        )  # fmt: skip
