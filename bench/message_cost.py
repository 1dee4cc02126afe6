"""What the two messages of a slice cost in themselves."""

import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from bench.harness import START
from services.aggregator.aggregate import aggregate
from shared.domain.batches import TIMESTAMP, RawBatch, Slice, StatsBatch
from shared.domain.spec import StatisticsSpec
from shared.sample_data import generator


def ms_per_slice(times: int) -> float:
    """CPU time to encode and decode both messages of one turbine's day, in milliseconds: the mean
    of so many times.
    """
    raw = _raw_batch()
    stats = aggregate(raw)
    started = time.process_time()
    for _ in range(times):
        RawBatch.decode(_as_read(raw))
        StatsBatch.decode(_as_read(stats))
    return (time.process_time() - started) * 1000 / times


def _as_read(batch: RawBatch | StatsBatch) -> dict[bytes, bytes]:
    return {name.encode(): value for name, value in batch.encode().items()}


def _raw_batch() -> RawBatch:
    day = generator.one_day(generator.Turbine(), START)
    start = datetime(START.year, START.month, START.day, tzinfo=UTC)
    columns = [pa.array(day.timestamps, pa.timestamp("us")).cast(TIMESTAMP), *day.values[:2]]
    part = Slice(
        job=1, asset="", start=start, end=start + timedelta(days=1),
        variables=("wind_speed", "power"), spec=StatisticsSpec(),
    )  # fmt: skip
    table = pa.Table.from_arrays(
        [pa.array(column) for column in columns], schema=RawBatch.schema(part.variables, part.spec)
    )
    return RawBatch(slice=part, table=table, rows=table.num_rows)
