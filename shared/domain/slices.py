"""Slices: the unit that is extracted, computed, replaced and retried."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import TimeRange

Identity = tuple[int, str, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One time range of one asset of a job.

    `start` and `end` are in UTC, `end` excluded. (job, asset, start) is the identity of a slice
    in its ledger. The empty string is the asset of a source without asset column. `attempt` is the
    attempt at the job that published the slice. `ledger` is the identity of the ledger that has the
    job; it is empty in entries of version 1.
    """

    job: int
    asset: str
    start: datetime
    end: datetime
    variables: tuple[str, ...]
    spec: StatisticsSpec
    trace: str = ""
    attempt: int = 1
    ledger: str = ""

    @property
    def time_range(self) -> TimeRange:
        return TimeRange(self.start, self.end)

    @property
    def identity(self) -> Identity:
        return self.job, self.asset, self.start

    @property
    def windows(self) -> int:
        """The number of windows; the last one can be shorter than the others."""
        return -((self.start - self.end) // timedelta(seconds=self.spec.window_s))


def consecutive_runs(slices: Iterable[Slice]) -> Iterator[list[Slice]]:
    """Runs of slices of one asset of which each begins where the one before ends."""
    run: list[Slice] = []
    for slice_ in slices:
        if run and (run[-1].asset, run[-1].end) != (slice_.asset, slice_.start):
            yield run
            run = []
        run.append(slice_)
    if run:
        yield run
