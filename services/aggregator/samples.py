"""The samples of slices: each timestamp once, in order, and the finite values of a variable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from services.aggregator.windows import Bools, Floats, Ints, Windows
from shared.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class SampleIndex:
    """The timestamps of each slice, each once, in the order of the slices and in ascending order
    within a slice.
    """

    timestamps: Ints
    """(timestamps,), µs since 1970."""
    order: Ints | None
    """(rows,): the position of each row in the table; None if the table is in order."""
    firsts: Ints | None
    """(timestamps,): the position in `order` of the first row of each timestamp; None if no
    timestamp is repeated.
    """
    bounds: Ints
    """(windows + 1,): window i has the timestamps from bounds[i] up to bounds[i + 1]."""

    @classmethod
    def of(cls, table: pa.Table, rows: Sequence[int], windows: Windows) -> Self:
        """Slice i has rows[i] rows of the table. Raises `InvalidInput` if a timestamp is missing or
        outside its slice.
        """
        timestamps, counts = _timestamps(table), np.asarray(rows, np.int64)
        slices = np.repeat(np.arange(len(counts)), counts)
        order = firsts = None
        if not _is_ascending(timestamps, slices).all():
            order = np.lexsort((timestamps, slices))
            timestamps = timestamps[order]
            is_first = np.append(True, _is_ascending(timestamps, slices))
            if not is_first.all():
                firsts = np.flatnonzero(is_first)
                timestamps, slices = timestamps[firsts], slices[firsts]
                counts = np.bincount(slices, None, len(counts))
        per_window = np.bincount(windows.numbers(timestamps, counts), None, len(windows))
        return cls(timestamps, order, firsts, np.concatenate([[0], np.cumsum(per_window)]))

    def windows_of(self, positions: Ints) -> Bools:
        """(windows,): the window has one of the timestamps at these ascending positions."""
        return np.diff(np.searchsorted(positions, self.bounds)) > 0


@dataclass(frozen=True, slots=True)
class FiniteValues:
    """The finite values of one variable, at most one for each timestamp: of several rows with one
    timestamp the last that has a value counts, so rows with different variables are merged.
    """

    values: Floats
    timestamps: Ints
    bounds: Ints
    """(windows + 1,), as `SampleIndex.bounds`."""
    non_finite: Bools
    """(windows,): NaN or an infinity was left out. A null is a missing value and does not count."""
    has_duplicates: Bools
    """(windows,): a timestamp in the window has several values; NaN is one, a null is not."""

    @classmethod
    def of(cls, index: SampleIndex, column: pa.ChunkedArray) -> Self:
        values, valid = _floats(column)
        if index.order is not None:
            values, valid = values[index.order], valid if valid is None else valid[index.order]
        duplicates = np.zeros(0, np.int64)
        if index.firsts is not None:
            values, valid, duplicates = _merge(values, valid, index.firsts)
        has_duplicates = index.windows_of(duplicates)
        finite = np.isfinite(values)
        if finite.all():
            none = np.zeros(len(index.bounds) - 1, np.bool_)
            return cls(values, index.timestamps, index.bounds, none, has_duplicates)
        kept, left_out = np.flatnonzero(finite), ~finite if valid is None else valid & ~finite
        return cls(
            values=values[kept],
            timestamps=index.timestamps[kept],
            bounds=np.searchsorted(kept, index.bounds),
            non_finite=index.windows_of(np.flatnonzero(left_out)),
            has_duplicates=has_duplicates,
        )


def _merge(values: Floats, valid: Bools | None, firsts: Ints) -> tuple[Floats, Bools, Ints]:
    """Value and validity of each timestamp, whose rows begin at `firsts`, and the positions of the
    timestamps with several values.
    """
    is_value = np.ones(len(values), np.bool_) if valid is None else valid
    last = np.maximum.reduceat(np.where(is_value, np.arange(len(values)), -1), firsts)
    count = np.add.reduceat(is_value, firsts, dtype=np.int64)
    merged = np.where(last >= 0, values[last], np.nan)
    return merged, last >= 0, np.flatnonzero(count > 1)


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
