"""How much the benchmark measures."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from shared.sample_data.writer import SeedOptions

START = date(2021, 1, 1)


class Workload(StrEnum):
    """The names for `--only`."""

    YEAR = "year"
    LATENCY = "latency"
    FARM = "farm"
    JOBS_LIST = "jobs-list"
    MONTH = "month"
    VARIABLES = "variables"
    TEN_HZ = "10-hz"
    DAYS = "days"
    SLICES = "slices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the source table holds: samples of turbines on some days, and so many variables."""

    parts: tuple[SeedOptions, ...]
    variables: int = 3

    @property
    def days(self) -> int:
        return sum(part.days for part in self.parts)

    @property
    def assets(self) -> int:
        return max(part.assets for part in self.parts)


def part(*, days: int = 1, assets: int = 1, period_s: float = 60.0) -> SeedOptions:
    """Samples of so many turbines on the first days of a source."""
    return SeedOptions(start=START, days=days, assets=assets, period_s=period_s)


def source(*, days: int) -> Source:
    """The samples of one turbine, in a table without an asset column."""
    return Source(parts=(part(days=days, assets=0),))


Parts = Mapping[Workload, SeedOptions]
PARTS: Parts = {
    Workload.YEAR: part(days=365),
    Workload.FARM: part(assets=1_000),
    Workload.MONTH: part(days=30, assets=20),
    Workload.VARIABLES: part(days=90),
    Workload.TEN_HZ: part(period_s=0.1),
    Workload.DAYS: part(days=1_826),
    Workload.SLICES: part(days=10, assets=1_000, period_s=300.0),
}
TINY_PARTS: Parts = {
    Workload.YEAR: part(days=10),
    Workload.FARM: part(assets=6),
    Workload.MONTH: part(days=2, assets=3),
    Workload.VARIABLES: part(),
    Workload.TEN_HZ: part(),
    Workload.DAYS: part(days=2),
    Workload.SLICES: part(days=2, assets=4),
}
PART_OF = {Workload.LATENCY: Workload.YEAR, Workload.JOBS_LIST: Workload.FARM}
"""Workloads that use the part of another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured. The names of the workloads assume the defaults.

    `days` and `slice_days` are the lengths of the jobs that show whether a large job is slower.
    The naive script takes half a minute for `naive_year`. With `one_stack` all workloads share one
    source, and each part has its own days.
    """

    parts: Parts = field(default_factory=lambda: PARTS)
    rounds: int = 3
    naive_year: bool = True
    variables: int = 50
    latency_days: int = 40
    latency_rounds: int = 5
    days: tuple[int, ...] = (1, 7, 30, 365, 1_826)
    slice_days: tuple[int, ...] = (1, 3, 10)
    listed_jobs: int = 50
    listed_days: int = 10
    requests: int = 20
    one_stack: bool = False

    @classmethod
    def quick(cls) -> "Plan":
        """Enough to compare two commits."""
        smaller = {
            Workload.DAYS: part(days=730),
            Workload.SLICES: part(days=2, assets=1_000, period_s=300.0),
        }
        return cls(
            parts={**PARTS, **smaller}, rounds=1, naive_year=False, latency_rounds=1,
            days=(1, 30, 730), slice_days=(1, 2), requests=5,
        )  # fmt: skip

    @classmethod
    def tiny(cls) -> "Plan":
        """Every workload in a few seconds: the figures mean nothing."""
        return cls(
            parts=_one_after_the_other(TINY_PARTS), rounds=1, variables=5, latency_days=2,
            latency_rounds=1, days=(1, 2), slice_days=(1, 2), listed_jobs=3, listed_days=2,
            requests=1, one_stack=True,
        )  # fmt: skip

    def part(self, workload: Workload) -> SeedOptions:
        """The samples that a workload uses."""
        return self.parts[PART_OF.get(workload, workload)]

    def stacks(self, only: Collection[Workload] = ()) -> list[tuple[Source, list[Workload]]]:
        """The sources, each with its workloads: those of `only`, or all if it is empty."""
        chosen = [workload for workload in Workload if not only or workload in only]
        if self.one_stack:
            return [(Source(parts=tuple(self.parts.values()), variables=self.variables), chosen)]
        stacks: dict[Workload, list[Workload]] = {}
        for workload in chosen:
            stacks.setdefault(PART_OF.get(workload, workload), []).append(workload)
        return [(self._source(owner), workloads) for owner, workloads in stacks.items()]

    def _source(self, workload: Workload) -> Source:
        parts = (self.parts[workload],)
        if workload == Workload.VARIABLES:
            return Source(parts=parts, variables=self.variables)
        return Source(parts=parts)


def _one_after_the_other(parts: Parts) -> Parts:
    start, moved = START, {}
    for workload, own in parts.items():
        moved[workload] = replace(own, start=start)
        start += timedelta(days=own.days)
    return moved
