"""The samples of slices: sorted rows without duplicates, and the finite values of a variable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from services.aggregator.windows import Bools, Floats, Ints, Windows
from shared.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class SampleIndex:
    """The rows that count: one for each timestamp of each slice, in the order of the slices and in
    ascending order within a slice.

    Of several rows with one timestamp the last in the table counts, as a whole: if it has a null,
    the value is missing, even if an earlier row has one.
    """

    timestamps: Ints
    """(rows,), µs since 1970."""
    order: Ints | None
    """(rows,): the position of each row in the table; None if the table is in order."""
    bounds: Ints
    """(windows + 1,): window i has the rows from bounds[i] up to bounds[i + 1]."""
    has_duplicates: Bools
    """(windows,): a timestamp in the window occurs more than once."""

    @classmethod
    def of(cls, table: pa.Table, rows: Sequence[int], windows: Windows) -> Self:
        """Slice i has rows[i] rows of the table. Raises `InvalidInput` if a timestamp is missing or
        outside its slice.
        """
        timestamps, counts = _timestamps(table), np.asarray(rows, np.int64)
        slices = np.repeat(np.arange(len(counts)), counts)
        order, duplicates = None, timestamps[:0]
        if not _is_ascending(timestamps, slices).all():
            order = np.lexsort((timestamps, slices))
            timestamps = timestamps[order]
            is_last = np.append(_is_ascending(timestamps, slices), True)
            repeated, repeated_slices = timestamps[~is_last], slices[~is_last]
            duplicates = windows.numbers(repeated, np.bincount(repeated_slices, None, len(counts)))
            timestamps, order, slices = timestamps[is_last], order[is_last], slices[is_last]
            counts = np.bincount(slices, None, len(counts))
        per_window = np.bincount(windows.numbers(timestamps, counts), None, len(windows))
        bounds = np.concatenate([[0], np.cumsum(per_window)])
        has_duplicates = np.bincount(duplicates, None, len(windows)) > 0
        return cls(timestamps, order, bounds, has_duplicates)


@dataclass(frozen=True, slots=True)
class FiniteValues:
    """The finite values of one variable, in the order of the rows that count."""

    values: Floats
    timestamps: Ints
    bounds: Ints
    """(windows + 1,), as `SampleIndex.bounds`."""
    non_finite: Bools
    """(windows,): NaN or an infinity was left out. A null is a missing value and does not count."""

    @classmethod
    def of(cls, index: SampleIndex, column: pa.ChunkedArray) -> Self:
        values, valid = _floats(column)
        if index.order is not None:
            values, valid = values[index.order], valid if valid is None else valid[index.order]
        finite = np.isfinite(values)
        if finite.all():
            none = np.zeros(len(index.bounds) - 1, np.bool_)
            return cls(values, index.timestamps, index.bounds, none)
        kept, left_out = np.flatnonzero(finite), ~finite if valid is None else valid & ~finite
        non_finite = np.diff(np.searchsorted(np.flatnonzero(left_out), index.bounds)) > 0
        bounds = np.searchsorted(kept, index.bounds)
        return cls(values[kept], index.timestamps[kept], bounds, non_finite)


def _timestamps(table: pa.Table) -> Ints:
    column = table.column(0)
    if column.null_count:
        raise InvalidInput("contract", f"{column.null_count} rows without a timestamp")
    timestamps: Ints = column.combine_chunks().view(pa.int64()).to_numpy()
    return timestamps


def _floats(column: pa.ChunkedArray) -> tuple[Floats, Bools | None]:
    """The values, NaN where null, and which of them are not null (None if none is null)."""
    array = column.combine_chunks()
    values: Floats = array.to_numpy(zero_copy_only=False)
    if not array.null_count:
        return values, None
    return values, array.is_valid().to_numpy(zero_copy_only=False)


def _is_ascending(timestamps: Ints, slices: Ints) -> Bools:
    """(rows - 1,): the next row is later than this row, or of another slice."""
    is_ascending: Bools = (timestamps[1:] > timestamps[:-1]) | (slices[1:] != slices[:-1])
    return is_ascending
