"""How much the benchmark measures."""

from dataclasses import dataclass

SHIPPED = (2, 1)
"""Aggregators and loaders that `make up` starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the source table holds; `assets` 0 means one turbine and no asset column."""

    days: int
    period_s: float = 60.0
    assets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured; every workload always runs. The names of the workloads assume the
    defaults. A configuration is a number of aggregators and a number of loaders.
    """

    rounds: int = 3
    year_days: int = 365
    naive_days: int = 30
    configurations: tuple[tuple[int, int], ...] = ((1, 1), SHIPPED, (1, 2), (2, 2))
    latency_runs: int = 200
    days: tuple[int, ...] = (1, 7, 30, 365, 1826)
    assets: tuple[int, ...] = (1, 5, 20, 100)
    farm_days: int = 30
    farm_period_s: float = 60.0
    fast: Source = Source(days=1, period_s=0.1)

    @property
    def one_turbine(self) -> Source:
        return Source(days=max(*self.days, self.year_days))

    @property
    def farm(self) -> Source:
        return Source(days=self.farm_days, period_s=self.farm_period_s, assets=max(self.assets))

    @classmethod
    def quick(cls) -> "Plan":
        """Enough to compare two commits."""
        return cls(rounds=1, latency_runs=40, days=(1, 30, 365), assets=(1, 20))
