"""Which windows a slice may still replace: an older job never overwrites a newer one. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.batches import Slice, StatsBatch

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class LoadedSpan:
    """Windows that stand in the target by a certain job."""

    job: int
    asset: str
    start: datetime
    end: datetime
    window_s: int
    variables: tuple[str, ...]
    statistics: tuple[str, ...]

    @classmethod
    def by(cls, part: Slice) -> "LoadedSpan":
        """The windows that this slice takes when it is loaded."""
        return cls(
            part.job, part.asset, part.start, part.end, part.spec.window_s,
            part.variables, part.spec.statistics,
        )  # fmt: skip

    def holds(self, variable: str, statistic: str | None) -> bool:
        """Whether it has values of this statistic; the quality of a variable comes with any."""
        return variable in self.variables and (statistic is None or statistic in self.statistics)


@dataclass(frozen=True, slots=True)
class Patch:
    """One statistic of one variable of one batch, or its quality where `statistic` is None, and
    the half-open spans of it that are to be replaced.
    """

    batch: StatsBatch
    variable: str
    statistic: str | None
    spans: tuple[Span, ...]

    @property
    def is_whole(self) -> bool:
        part = self.batch.slice
        return self.spans == ((part.start, part.end),)


def make_patches(batches: Sequence[StatsBatch], taken: Iterable[LoadedSpan]) -> list[Patch]:
    """What each batch may replace, given what newer jobs have taken, in the target or among the
    batches themselves.
    """
    newer = [*taken, *(LoadedSpan.by(batch.slice) for batch in batches)]
    return [
        Patch(batch, variable, statistic, _left(batch.slice, variable, statistic, newer))
        for batch in batches
        for variable in batch.slice.variables
        for statistic in (*batch.slice.spec.statistics, None)
    ]


def _left(
    part: Slice, variable: str, statistic: str | None, others: Iterable[LoadedSpan]
) -> tuple[Span, ...]:
    spans: list[Span] = [(part.start, part.end)]
    for other in others:
        if (
            other.job > part.job
            and other.asset == part.asset
            and other.window_s == part.spec.window_s
            and other.holds(variable, statistic)
        ):
            spans = [left for span in spans for left in subtract(span, (other.start, other.end))]
    return tuple(spans)


def subtract(span: Span, hole: Span) -> list[Span]:
    """What is left of a half-open span without the hole: none, one or two spans."""
    pieces = [(span[0], min(span[1], hole[0])), (max(span[0], hole[1]), span[1])]
    return [(start, end) for start, end in pieces if start < end]
