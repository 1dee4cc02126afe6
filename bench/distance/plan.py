"""How much `python -m bench distance` measures."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.plan import part
from shared.sample_data.writer import SeedOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The round trips between two hosts in ms, and the work at each of them. The services are
    scaled at the longest one, on a job of all turbines.
    """

    round_trips_ms: tuple[float, ...] = (0, 5, 50)
    rounds: int = 3
    days: int = 90
    latency_runs: int = 20
    assets: int = 20
    farm_days: int = 30
    scales: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: {
            "aggregator": (1, 2, 4, 8),
            "loader": (1, 2, 4),
            "extractor": (1, 2, 4),
        }
    )

    others: Mapping[str, int] = field(
        default_factory=lambda: {"extractor": 4, "aggregator": 8, "loader": 4}
    )
    """How many processes of the other services run while one service is scaled."""
    aggregators_alone: tuple[int, ...] = (1, 2, 4, 8)

    @property
    def source(self) -> SeedOptions:
        return part(days=max(self.days, self.farm_days), assets=self.assets)

    @classmethod
    def quick(cls) -> "Plan":
        """Enough to compare two commits."""
        return cls(rounds=1, latency_runs=5, farm_days=10)
