"""The fence: which windows of a slice may be replaced. Pure.

The job with the higher number wins. An older job never overwrites windows of a newer one, in
whatever order their batches arrive. The fence is kept for each variable and statistic.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.domain.batches import StatsBatch
from shared.domain.slices import Slice
from shared.domain.time_range import TimeRange


@dataclass(frozen=True, slots=True)
class LoadedSpan:
    """Windows that a job has loaded: one asset, one time range, some variables and statistics."""

    job: int
    asset: str
    time_range: TimeRange
    window_s: int
    variables: tuple[str, ...]
    statistics: tuple[str, ...]

    @classmethod
    def of(cls, slice_: Slice) -> "LoadedSpan":
        """The windows that loading this slice will write."""
        return cls(
            slice_.job, slice_.asset, slice_.time_range, slice_.spec.window_s,
            slice_.variables, slice_.spec.statistics,
        )  # fmt: skip

    def is_newer_than(self, slice_: Slice) -> bool:
        """Whether a newer job than that of the slice wrote windows of the same asset and length."""
        return (
            self.job > slice_.job
            and self.asset == slice_.asset
            and self.window_s == slice_.spec.window_s
        )

    def has(self, variable: str, statistic: str | None) -> bool:
        """Whether it has this statistic of the variable. The quality of a variable (None) is loaded
        with any of its statistics.
        """
        return variable in self.variables and (statistic is None or statistic in self.statistics)


@dataclass(frozen=True, slots=True)
class Patch:
    """One statistic of one variable of one batch. If `statistic` is None, the patch replaces the
    quality rows of the variable. `fenced` has the time ranges to replace of those slices, by
    position, that are not replaced as a whole.
    """

    batch: StatsBatch
    variable: str
    statistic: str | None
    fenced: Mapping[int, tuple[TimeRange, ...]]

    def time_ranges(self, position: int) -> tuple[TimeRange, ...]:
        """The time ranges to replace of one slice."""
        return self.fenced.get(position, (self.batch.slices[position].time_range,))


def make_patches(batches: Sequence[StatsBatch], loaded: Iterable[LoadedSpan]) -> list[Patch]:
    """The part of each batch that may be replaced: its slices without the windows of newer jobs.
    These can be loaded already or be among the batches.
    """
    spans: dict[str, list[LoadedSpan]] = defaultdict(list)
    for span in loaded:
        spans[span.asset].append(span)
    if len({batch.job for batch in batches}) > 1:
        for batch in batches:
            for slice_ in batch.slices:
                spans[slice_.asset].append(LoadedSpan.of(slice_))
    return [
        Patch(batch, variable, statistic, _fenced(batch, variable, statistic, spans))
        for batch in batches
        for variable in batch.variables
        for statistic in (*batch.spec.statistics, None)
    ]


def _fenced(
    batch: StatsBatch,
    variable: str,
    statistic: str | None,
    spans: Mapping[str, Sequence[LoadedSpan]],
) -> dict[int, tuple[TimeRange, ...]]:
    if not spans:
        return {}
    replaceable = {
        n: _replaceable(slice_, variable, statistic, spans.get(slice_.asset, ()))
        for n, slice_ in enumerate(batch.slices)
    }
    return {n: r for n, r in replaceable.items() if r != (batch.slices[n].time_range,)}


def _replaceable(
    slice_: Slice, variable: str, statistic: str | None, spans: Iterable[LoadedSpan]
) -> tuple[TimeRange, ...]:
    time_ranges = [slice_.time_range]
    for span in spans:
        if span.is_newer_than(slice_) and span.has(variable, statistic):
            time_ranges = [
                rest for time_range in time_ranges for rest in subtract(time_range, span.time_range)
            ]
    return tuple(time_ranges)


def subtract(time_range: TimeRange, removed: TimeRange) -> list[TimeRange]:
    """The time range without `removed`: no range, one, or two."""
    before = TimeRange(time_range.start, min(time_range.end, removed.start))
    after = TimeRange(max(time_range.start, removed.end), time_range.end)
    return [rest for rest in (before, after) if rest.start < rest.end]
