"""How much the benchmark measures."""

from dataclasses import dataclass

SHIPPED = (2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the source table holds; `assets` 0 means one turbine and no asset column."""

    days: int
    period_s: float = 60.0
    assets: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured; every part always runs. The names of the work and the goals assume the
    defaults. `(2, 1)` means two aggregators and one loader.
    """

    rounds: int = 3
    year_days: int = 365
    plain_days: int = 30
    configurations: tuple[tuple[int, int], ...] = ((1, 1), SHIPPED, (1, 2), (2, 2))
    declared_configurations: tuple[tuple[int, int], ...] = ((1, 1), (1, 2))
    times: int = 200
    messages: int = 300
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
        """Enough to see whether a change helps."""
        return cls(rounds=1, times=40, days=(1, 30, 365), assets=(1, 20))

    @classmethod
    def tiny(cls) -> "Plan":
        """Every part once, in seconds, for a test; the figures mean nothing. The last two parts
        have the same source, and so share a stack.
        """
        return cls(
            rounds=1, year_days=10, plain_days=10, configurations=((1, 1), SHIPPED),
            declared_configurations=(SHIPPED,), times=3, messages=3, days=(1, 11), assets=(1, 20),
            farm_days=1, farm_period_s=20.0, fast=Source(days=1, period_s=20.0, assets=20),
        )  # fmt: skip
