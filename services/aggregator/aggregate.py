"""The calculation: one raw batch to one stats batch. Pure: no clock, no network, no state.

docs/statistics.md says what the numbers mean.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from services.aggregator import circular, linear, quality
from services.aggregator.samples import FiniteValues, SampleIndex
from services.aggregator.windows import Bools, Floats, Groups, Ints, Windows
from shared.domain.batches import TIMESTAMP, RawBatch, StatsBatch
from shared.domain.fingerprint import fingerprints
from shared.domain.quality_flags import Flag
from shared.domain.spec import Statistic, StatisticsSpec


def aggregate(raw: RawBatch) -> StatsBatch:
    """One row for each window of the slice, the empty ones too, each under its start.

    Raises `Rejected` (reason `contract`) if a row has no stamp or lies outside the slice.
    """
    part = raw.slice
    windows = Windows.of(part)
    rows = SampleIndex.of(raw.table, windows)
    expected = windows.expected(part.spec.period_s)
    columns = [pa.array(windows.starts).view(TIMESTAMP), pa.array(expected)]
    for variable, column in zip(part.variables, raw.table.columns[1:], strict=True):
        samples = FiniteValues.of(rows, column)
        columns += _columns(variable, samples, expected, rows.has_duplicates, part.spec)
    schema = StatsBatch.schema(part.variables, part.spec)
    return StatsBatch(
        slice=part,
        table=pa.Table.from_arrays(columns, schema=schema),
        rows=raw.rows,
        extract_ms=raw.extract_ms,
        aggregate_ms=raw.aggregate_ms,
        fingerprints=fingerprints(raw.table),
    )


def _columns(
    variable: str, samples: FiniteValues, expected: Ints, repeated: Bools, spec: StatisticsSpec
) -> Iterator[pa.Array]:
    """Count, flags and statistics of one variable, each of shape (windows,)."""
    counts = np.diff(samples.bounds)
    groups = Groups.within(samples.bounds)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # flagged below
        statistics = {
            name: _scattered(values, counts)
            for name, values in _describe(variable, samples, groups, spec).items()
        }
    flags = (
        Flag.INCOMPLETE * (counts < expected)
        | Flag.NON_FINITE * (samples.non_finite | _overflowed(statistics, counts))
        | Flag.DUPLICATE * repeated
        | Flag.FROZEN * quality.frozen(samples, spec)
        | Flag.OUT_OF_RANGE * quality.out_of_range(samples, spec.value_limits.get(variable))
    )
    yield pa.array(counts)
    yield pa.array(flags)
    for name in spec.statistics:
        yield pa.array(statistics[name], mask=~np.isfinite(statistics[name]))


def _describe(
    variable: str, samples: FiniteValues, groups: Groups, spec: StatisticsSpec
) -> dict[Statistic, Floats]:
    if not len(groups.starts):
        return {name: samples.values for name in spec.statistics}
    if variable in spec.circular_variables:
        return circular.describe(samples.values, groups, spec.statistics)
    return linear.describe(samples.values, groups, spec.statistics, spec.ddof)


def _scattered(per_group: Floats, counts: Ints) -> Floats:
    """From the filled windows to all of them; NaN in the empty ones."""
    values = np.full(len(counts), np.nan)
    values[counts > 0] = per_group
    return values


def _overflowed(statistics: dict[Statistic, Floats], counts: Ints) -> Bools:
    """(windows,): a statistic that the samples call for is beyond float64."""
    lost = np.zeros(len(counts), np.bool_)
    for name, values in statistics.items():
        lost |= ~np.isfinite(values) & (counts >= (2 if name == "std" else 1))
    return lost
