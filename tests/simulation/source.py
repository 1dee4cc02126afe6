"""The source in memory: one sample a day and asset, whose value is the version of the source."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa

from services.aggregator.aggregate import aggregate
from services.extractor.sample_page import AssetRun, SamplePage
from shared.domain.batches import TIMESTAMP, RawBatch
from shared.domain.slices import Slice
from shared.domain.spec import DAY_S, StatisticsSpec
from shared.errors import InvalidInput, Unavailable
from tests.simulation.world import World

ASSETS = ("T01", "T02")
SPEC = StatisticsSpec(window_s=DAY_S, period_s=DAY_S, statistics=("mean",))
FIRST_DAY = date(2026, 1, 1)
ONE_DAY = timedelta(days=1)


class SimulatedSource:
    """What the extractor uses of `SampleClient`. Each page is read at one moment."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.version = 0
        self.is_down = False
        self.refused = 0
        """So many further pages violate the contract."""

    def variables(self) -> Sequence[str]:
        return ("power",)

    def assets(self) -> Sequence[str]:
        return ASSETS

    def pages(
        self, *, assets: Sequence[str], start: datetime, end: datetime, **_: Any
    ) -> Iterator[SamplePage]:
        """One page for each asset."""
        for asset in assets:
            self._world.io()
            if self.is_down:
                raise Unavailable("connector: no answer")
            if self.refused:
                self.refused -= 1
                raise InvalidInput("contract", "rows are out of order")
            version = self.version
            self._world.io()
            yield _page(asset, start, (end - start) // ONE_DAY, version)


@lru_cache(4096)
def _page(asset: str, start: datetime, days: int, version: int) -> SamplePage:
    stamps = pa.array([start + n * ONE_DAY for n in range(days)], TIMESTAMP)
    columns = {"timestamp": stamps, "power": pa.array([float(version)] * days, pa.float64())}
    return SamplePage(pa.table(columns), [AssetRun(asset, 0, days)])


@lru_cache(4096)
def fingerprints(asset: str, start: datetime, version: int) -> tuple[str, ...]:
    """What the aggregator computes of this day in this version."""
    slice_ = Slice(
        job=1, asset=asset, start=start, end=start + ONE_DAY, variables=("power",), spec=SPEC
    )
    table = _page(asset, start, 1, version).table
    return aggregate(RawBatch(slices=(slice_,), table=table, rows=(1,))).fingerprints[0]


def version_of(asset: str, start: datetime, found: tuple[str, ...], newest: int) -> int:
    """The version that has these fingerprints."""
    for version in range(newest, -1, -1):
        if fingerprints(asset, start, version) == found:
            return version
    raise AssertionError(f"no version of {asset} has the fingerprints {found}")


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
