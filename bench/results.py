"""What was measured, and the medians of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one contender. Memory is the peak in MB; stages are ms of work, added up."""

    workload: str
    contender: str
    rows: int
    """Samples of the source."""
    slices: int = 0
    seconds: float
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    peak_mb: Mapping[str, float] = field(default_factory=dict)
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    redis_mb: float = 0.0
    written: int = 0
    """Rows of `data` that were inserted or updated."""

    @property
    def total_cpu_s(self) -> float:
        """Of all processes that worked for the contender."""
        return sum(self.cpu_s.values())


@dataclass(frozen=True)
class LoadResult:
    """What a load test did, the bound, what was measured, and whether the bound held."""

    action: str
    bound: str
    measured: str
    held: bool


class Results:
    """All runs of one benchmark, on one machine."""

    def __init__(self, machine: Mapping[str, str]) -> None:
        self.machine = dict(machine)
        self.runs: list[Run] = []
        self.left_out: dict[str, str] = {}
        """Contenders that this machine does not have, and why."""
        self.latencies_ms: dict[str, list[float]] = {}
        """Of one day, by contender."""
        self.responses_ms: dict[str, list[float]] = {}
        """Of the lists of jobs, by request."""

    def of(self, workload: str, contender: str | None = None) -> list[Run]:
        """The runs of a workload, of one contender or of all."""
        return [r for r in self.runs if r.workload == workload and contender in (None, r.contender)]

    def contenders(self, workload: str) -> list[str]:
        """The contenders of a workload, in the order of their first runs."""
        return list(dict.fromkeys(run.contender for run in self.of(workload)))

    def workloads(self) -> list[str]:
        return list(dict.fromkeys(run.workload for run in self.runs))

    def seconds(self, workload: str, contender: str) -> float:
        """The median time."""
        return median(run.seconds for run in self.of(workload, contender))

    def cpu_s(self, workload: str, contender: str) -> float:
        """The median CPU time of all processes."""
        return median(run.total_cpu_s for run in self.of(workload, contender))

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "runs": [asdict(run) | {"total_cpu_s": run.total_cpu_s} for run in self.runs],
            "left_out": self.left_out,
            "latencies_ms": self.latencies_ms,
            "responses_ms": self.responses_ms,
        }


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: median(run[name] for run in runs) for name in runs[0]}


def quantile(values: Sequence[float], q: float) -> float:
    """A quantile by the nearest rank; 0 if there are no values."""
    return float(np.quantile(values, q, method="inverted_cdf")) if values else 0.0


def by_service(processes: Mapping[str, float]) -> dict[str, float]:
    """Values of processes such as `loader-1` and `loader-2` added up, the largest first."""
    sums: dict[str, float] = {}
    for name, value in processes.items():
        service = name.rpartition("-")[0] or name
        sums[service] = sums.get(service, 0.0) + value
    return dict(sorted(sums.items(), key=lambda item: -item[1]))
