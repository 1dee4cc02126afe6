"""How much the benchmark measures."""

from dataclasses import dataclass
from datetime import date

from shared.sample_data.writer import SeedOptions

START = date(2021, 1, 1)
SHIPPED = (2, 1)
"""Aggregators and loaders that `make up` starts."""


def source(*, days: int, period_s: float = 60.0, assets: int = 0) -> SeedOptions:
    """What the source table holds; `assets` 0 means one turbine and no asset column."""
    return SeedOptions(start=START, days=days, period_s=period_s, assets=assets)


ONE_DAY_AT_10_HZ = source(days=1, period_s=0.1)


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
    fast: SeedOptions = ONE_DAY_AT_10_HZ

    @property
    def one_turbine(self) -> SeedOptions:
        return source(days=max(*self.days, self.year_days))

    @property
    def farm(self) -> SeedOptions:
        return source(days=self.farm_days, period_s=self.farm_period_s, assets=max(self.assets))

    @classmethod
    def quick(cls) -> "Plan":
        """Enough to compare two commits."""
        return cls(rounds=1, latency_runs=40, days=(1, 30, 365), assets=(1, 20))
