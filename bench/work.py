"""What all contenders of a workload do."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from bench.plan import Source
from shared.sample_data.writer import SeedOptions

DAY_S = 86_400
TWO_VARIABLES = ("wind_speed", "power")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The statistics of all turbines of a part of the source, on `days` days from day `first`."""

    part: SeedOptions
    days: int
    first: int = 0
    variables: tuple[str, ...] = TWO_VARIABLES

    @classmethod
    def all_of(cls, part: SeedOptions, variables: tuple[str, ...] = TWO_VARIABLES) -> "Work":
        """All days of a part."""
        return cls(part=part, days=part.days, variables=variables)

    @property
    def start(self) -> datetime:
        return datetime.combine(self.part.start, time(), UTC) + timedelta(days=self.first)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=self.days)

    @property
    def slices(self) -> int:
        """One day of one turbine each."""
        return self.days * self.part.assets

    @property
    def rows(self) -> int:
        """The samples of all turbines."""
        return round(DAY_S / self.part.period_s) * self.slices

    def request(self, source: Source) -> dict[str, Any]:
        """The body of `POST /jobs`; it names turbines only if others have no samples."""
        last = self.end - timedelta(days=1)
        request: dict[str, Any] = {
            "start": self.start.date().isoformat(), "end": last.date().isoformat(),
            "variables": list(self.variables),
        }  # fmt: skip
        if self.part.assets < source.assets:
            request["assets"] = [f"T{n:02d}" for n in range(1, self.part.assets + 1)]
        return request
