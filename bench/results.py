"""What was measured, and the medians of it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one contender. Memory is in MB, at its peak; stages in ms of work, added up."""

    work: str
    contender: str
    rows: int
    seconds: float
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    peak_mb: Mapping[str, float] = field(default_factory=dict)
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    redis_mb: float = 0.0
    written: int = 0
    """Rows of `data` that were inserted or updated."""

    @property
    def rows_per_s(self) -> float:
        return self.rows / self.seconds


class Results:
    """All runs of one benchmark, on one machine."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self.facts = dict(facts)
        self.runs: list[Run] = []
        self.latencies_ms: list[float] = []
        self.message_ms = 0.0
        """CPU time to encode and decode both messages of one slice of a day."""

    def add(self, run: Run) -> Run:
        self.runs.append(run)
        return run

    def of(self, work: str, contender: str | None = None) -> list[Run]:
        """The runs of a piece of work, of one contender or of all."""
        return [r for r in self.runs if r.work == work and contender in (None, r.contender)]

    def contenders(self, work: str) -> list[str]:
        """Who ran it, in the order of their first runs."""
        return list(dict.fromkeys(run.contender for run in self.of(work)))

    def works(self) -> list[str]:
        return list(dict.fromkeys(run.work for run in self.runs))

    def seconds(self, work: str, contender: str) -> float:
        """The median time."""
        return median(run.seconds for run in self.of(work, contender))

    def rows_per_s(self, work: str, contender: str) -> float:
        """The median throughput, in rows of the source."""
        return median(run.rows_per_s for run in self.of(work, contender))

    def cpu_s(self, work: str, contender: str) -> Mapping[str, float]:
        """Median CPU seconds of each part."""
        return self._medians(work, contender, "cpu_s")

    def stages_ms(self, work: str, contender: str) -> Mapping[str, float]:
        return self._medians(work, contender, "stages_ms")

    def peak_mb(self, work: str, contender: str) -> Mapping[str, float]:
        """The highest peak of each part in any of the runs."""
        runs = self.of(work, contender)
        return {part: max(r.peak_mb[part] for r in runs) for part in runs[0].peak_mb}

    def latency_ms(self, quantile: float) -> float:
        """A quantile, by the nearest rank, of the time from POST to committed."""
        ordered = sorted(self.latencies_ms)
        return ordered[max(0, math.ceil(len(ordered) * quantile) - 1)]

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": self.facts,
            "runs": [asdict(run) | {"rows_per_s": run.rows_per_s} for run in self.runs],
            "latencies_ms": self.latencies_ms,
            "message_ms_per_slice": self.message_ms,
        }

    def _medians(self, work: str, contender: str, attribute: str) -> Mapping[str, float]:
        runs: list[Mapping[str, float]] = [
            getattr(run, attribute) for run in self.of(work, contender)
        ]
        return {part: median(run[part] for run in runs) for part in runs[0]}


def total(parts: Mapping[str, float]) -> float:
    return sum(parts.values())


def by_service(parts: Mapping[str, float]) -> dict[str, float]:
    """Parts such as `loader-1` and `loader-2` added up."""
    found: dict[str, float] = {}
    for name, value in parts.items():
        service = name.rpartition("-")[0] or name
        found[service] = found.get(service, 0.0) + value
    return found


def largest(parts: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Parts from the largest to the smallest."""
    yield from sorted(parts.items(), key=lambda part: -part[1])
