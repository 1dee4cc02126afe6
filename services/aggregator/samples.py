"""The samples of a slice, in order: what a window gets to see."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from services.aggregator.windows import Bools, Floats, Ints, Windows
from shared.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class SampleIndex:
    """The rows that count, one per stamp and ascending.

    Of several rows with one stamp, the last in the table's order is kept, as a whole: a null in it
    stands, even where an earlier row had a value.
    """

    stamps: Ints
    """(rows,), µs since 1970."""
    order: Ints | None
    """(rows,): where each stands in the table; None if the table is in order already."""
    bounds: Ints
    """(windows + 1,): window i holds the rows from bounds[i] up to bounds[i + 1]."""
    has_duplicates: Bools
    """(windows,): some stamp in the window came more than once."""

    @classmethod
    def of(cls, table: pa.Table, windows: Windows) -> Self:
        """Raises `Rejected` if a stamp is missing or outside the windows."""
        stamps = _stamps(table)
        order, dropped = None, stamps[:0]
        if np.any(stamps[1:] <= stamps[:-1]):
            order = np.argsort(stamps, kind="stable")
            stamps = stamps[order]
            last = np.append(stamps[1:] != stamps[:-1], True)
            dropped, stamps, order = stamps[~last], stamps[last], order[last]
        _require_inside(stamps, windows)
        repeated = np.diff(np.searchsorted(dropped, windows.edges)) > 0
        return cls(stamps, order, np.searchsorted(stamps, windows.edges), repeated)


@dataclass(frozen=True, slots=True)
class FiniteValues:
    """The finite values of one variable, in the order of their stamps."""

    values: Floats
    stamps: Ints
    bounds: Ints
    """(windows + 1,), as `Rows.bounds`."""
    non_finite: Bools
    """(windows,): NaN or an infinity was left out. A null is a missing value, not one of these."""

    @classmethod
    def of(cls, rows: SampleIndex, column: pa.ChunkedArray) -> Self:
        values, valid = _floats(column)
        if rows.order is not None:
            values, valid = values[rows.order], valid if valid is None else valid[rows.order]
        finite = np.isfinite(values)
        if finite.all():
            return cls(values, rows.stamps, rows.bounds, np.zeros(len(rows.bounds) - 1, np.bool_))
        at, left_out = np.flatnonzero(finite), ~finite if valid is None else valid & ~finite
        bad = np.diff(np.searchsorted(np.flatnonzero(left_out), rows.bounds)) > 0
        return cls(values[at], rows.stamps[at], np.searchsorted(at, rows.bounds), bad)


def _stamps(table: pa.Table) -> Ints:
    column = table.column(0)
    if column.null_count:
        raise InvalidInput("contract", f"{column.null_count} rows without a timestamp")
    stamps: Ints = column.combine_chunks().view(pa.int64()).to_numpy()
    return stamps


def _floats(column: pa.ChunkedArray) -> tuple[Floats, Bools | None]:
    """The values, NaN where null, and which are not null (None: all of them)."""
    array = column.combine_chunks()
    values: Floats = array.to_numpy(zero_copy_only=False)
    if not array.null_count:
        return values, None
    return values, array.is_valid().to_numpy(zero_copy_only=False)


def _require_inside(stamps: Ints, windows: Windows) -> None:
    """`stamps` ascend. A row outside its slice would be lost: the source broke its contract."""
    start, end = windows.edges[0], windows.edges[-1]
    if len(stamps) and not (start <= stamps[0] and stamps[-1] < end):
        outside = stamps[0] if stamps[0] < start else stamps[-1]
        stamp = np.datetime64(int(outside), "us")
        raise InvalidInput("contract", f"a row at {stamp}Z is outside its slice")
