"""Jobs, their stats batches and a loader, for the tests of the loader."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, text

from services.aggregator.aggregate import aggregate
from services.loader.handler import BatchHandler
from shared.domain.batches import StatsBatch
from shared.domain.job_request import JobRequest
from shared.domain.slices import Slice
from shared.domain.spec import StatisticsSpec
from shared.ledger.ledger import Ledger
from shared.streams.entries import Entry
from tests.actors import TESTER
from tests.unit.batches import Column, raw_batch

TEMPLATE = "{variable}_{statistic}_{window}"
DAY = datetime(2025, 12, 5, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PERIOD_S = 60.0
UNITS = {"wind_speed": "m/s"}
TRACE = "trace-1"

Row = tuple[Any, ...]


def sliced(length: timedelta = HOUR, **changed: Any) -> StatisticsSpec:
    """Of slices of this length."""
    return StatisticsSpec(slice_s=length // timedelta(seconds=1), **changed)


class OwnLoader(BatchHandler):
    """A batch that names no ledger gets the one of the target."""

    def load(self, batches: Sequence[StatsBatch]) -> int:
        ledger = Ledger(self._engine).identity().current
        own = [stats if stats.ledger else of_ledger(stats, ledger) for stats in batches]
        return super().load(own)


def of_ledger(stats: StatsBatch, ledger: str) -> StatsBatch:
    """The batch as if the job of this ledger had it."""
    slices = tuple(replace(slice_, ledger=ledger) for slice_ in stats.slices)
    return replace(stats, slices=slices)


def loader(
    target: Engine,
    *,
    template: str = TEMPLATE,
    units: Mapping[str, str] = UNITS,
    values_per_transaction: int = 200_000,
    slices_per_transaction: int = 256,
) -> BatchHandler:
    return OwnLoader(
        target, signal_name=template, units=units, values_per_transaction=values_per_transaction,
        slices_per_transaction=slices_per_transaction,
    )  # fmt: skip


def new_job(
    target: Engine,
    *,
    slices: int = 1,
    variables: Sequence[str] = ("wind_speed",),
    spec: StatisticsSpec | None = None,
    days: int = 1,
    timezone: str = "UTC",
    started: bool = True,
    assets: Sequence[str] = ("", "T01"),
) -> int:
    """The number of a job for `DAY`, done when so many of its slices (one an hour) are loaded."""
    ledger = Ledger(target)
    last = (DAY + (days - 1) * ONE_DAY).date()
    request = JobRequest(start=DAY.date(), end=last, variables=tuple(variables))
    job, _ = ledger.add(request, spec=spec or sliced(), timezone=timezone, trace=TRACE, by=TESTER)
    if started:
        ledger.mark_started(job.id, assets=list(assets), slices_total=slices)
    return job.id


def batch(
    job: int,
    *columns: Column,
    variables: Sequence[str] = ("wind_speed",),
    start: datetime = DAY,
    length: timedelta = HOUR,
    asset: str = "",
    spec: StatisticsSpec | None = None,
) -> StatsBatch:
    """The windows of a slice whose samples, one a minute, begin with these values."""
    part = Slice(
        job=job, asset=asset, start=start, end=start + length, variables=tuple(variables),
        spec=spec or sliced(length), trace=TRACE,
    )  # fmt: skip
    seconds = [n * PERIOD_S for n in range(len(columns[0]) if columns else 0)]
    return aggregate(raw_batch(part, seconds, *(columns or [[] for _ in variables])))


def joined(*batches: StatsBatch) -> StatsBatch:
    """One batch with the slices of all these batches of one job."""
    return replace(
        batches[0],
        slices=tuple(slice_ for stats in batches for slice_ in stats.slices),
        table=pa.concat_tables(stats.table for stats in batches),
        rows=tuple(rows for stats in batches for rows in stats.rows),
        fingerprints=tuple(texts for stats in batches for texts in stats.fingerprints),
    )


def steady(value: float, minutes: int = 60) -> list[float | None]:
    """Samples that go up and down by one around a value."""
    return [value - 1 + 2 * (n % 2) for n in range(minutes)]


def entry(stats: StatsBatch) -> Entry:
    """The batch as a stream delivers it."""
    return Entry("1-1", {k.encode(): v for k, v in stats.encode().items()})


def means(target: Engine, variable: str = "wind_speed", asset: str = "") -> dict[int, float]:
    """The 10-minute means that stand in the target, by the minute of their window since `DAY`."""
    rows = fetch(
        target,
        "SELECT d.timestamp, d.value FROM data d JOIN signal s ON s.id = d.signal_id "
        "WHERE s.statistic = 'mean' AND s.window_s = 600 "
        "AND s.variable = :variable AND s.asset = :asset ORDER BY d.timestamp",
        variable=variable,
        asset=asset,
    )
    return {int((stamp - DAY) / timedelta(minutes=1)): value for stamp, value in rows}


def versions(target: Engine) -> list[Row]:
    """The physical version of every row of `data` and `quality`."""
    return fetch(
        target,
        "SELECT 'data', ctid::text, xmin::text FROM data "
        "UNION ALL SELECT 'quality', ctid::text, xmin::text FROM quality ORDER BY 1, 2",
    )


def quality(target: Engine) -> dict[int, tuple[int, int]]:
    """Count and flags of the windows that are not perfect, by their minute since `DAY`."""
    rows = fetch(target, "SELECT timestamp, count, flags FROM quality ORDER BY timestamp")
    return {int((t - DAY) / timedelta(minutes=1)): (count, flags) for t, count, flags in rows}


def fetch(target: Engine, statement: str, **values: Any) -> list[Row]:
    with target.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement), values)]
