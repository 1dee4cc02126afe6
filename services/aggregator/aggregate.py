"""The calculation: one raw batch in, one stats batch out. Pure: no clock, no network, no state.

docs/statistics.md defines the results.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from services.aggregator import circular, linear, quality
from services.aggregator.fingerprints import fingerprints
from services.aggregator.samples import FiniteValues, SampleIndex
from services.aggregator.windows import Bools, Floats, Groups, Ints, Windows
from shared.domain.batches import TIMESTAMP, RawBatch, StatsBatch
from shared.domain.quality_flags import Flag
from shared.domain.spec import Statistic, StatisticsSpec


def aggregate(raw: RawBatch) -> StatsBatch:
    """One row for each window of each slice, empty windows included, with the window's start as
    timestamp.

    Raises `InvalidInput` (reason `contract`) if a row has no timestamp or lies outside its slice.
    """
    windows = Windows.of(raw.slices)
    index = SampleIndex.of(raw.table, raw.rows, windows)
    expected = windows.expected(raw.spec.period_s)
    columns = [pa.array(windows.starts).view(TIMESTAMP), pa.array(expected)]
    for variable, column in zip(raw.variables, raw.table.columns[1:], strict=True):
        samples = FiniteValues.of(index, column)
        columns += _columns(variable, samples, expected, raw.spec)
    schema = StatsBatch.schema(raw.variables, raw.spec)
    return StatsBatch(
        slices=raw.slices,
        table=pa.Table.from_arrays(columns, schema=schema),
        rows=raw.rows,
        extract_ms=raw.extract_ms,
        aggregate_ms=raw.aggregate_ms,
        fingerprints=fingerprints(raw),
    )


def _columns(
    variable: str,
    samples: FiniteValues,
    expected: Ints,
    spec: StatisticsSpec,
) -> Iterator[pa.Array]:
    """Count, flags and statistics of one variable, each of shape (windows,)."""
    counts = np.diff(samples.bounds)
    groups = Groups.within(samples.bounds)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # flagged below
        statistics = {
            name: _for_all_windows(values, counts)
            for name, values in _describe(variable, samples, groups, spec).items()
        }
    flags = (
        Flag.INCOMPLETE * (counts < expected)
        | Flag.NON_FINITE * (samples.non_finite | _has_overflow(statistics, counts))
        | Flag.DUPLICATE * samples.has_duplicates
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


def _for_all_windows(per_group: Floats, counts: Ints) -> Floats:
    """(windows,): the values of the windows with samples, and NaN for the empty windows."""
    values = np.full(len(counts), np.nan)
    values[counts > 0] = per_group
    return values


def _has_overflow(statistics: dict[Statistic, Floats], counts: Ints) -> Bools:
    """(windows,): there are enough samples for each statistic, but one exceeds float64."""
    has_overflow = np.zeros(len(counts), np.bool_)
    for name, values in statistics.items():
        has_overflow |= ~np.isfinite(values) & (counts >= (2 if name == "std" else 1))
    return has_overflow
