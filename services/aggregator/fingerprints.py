"""The fingerprints of the samples of each slice (`shared.domain.fingerprint`)."""

import numpy as np

from shared.domain import fingerprint
from shared.domain.batches import RawBatch


def fingerprints(raw: RawBatch) -> tuple[tuple[str, ...], ...]:
    """Of each slice, the fingerprint of each variable. Rows with the same timestamp count in the
    order of the table.
    """
    table, timestamps = raw.table, fingerprint.timestamps_of(raw.table.column(0))
    slices = np.repeat(np.arange(len(raw.slices)), raw.rows)
    is_next_slice = slices[1:] != slices[:-1]
    if np.any((timestamps[1:] < timestamps[:-1]) & ~is_next_slice):
        order = np.lexsort((timestamps, slices))
        table, timestamps = table.take(order), timestamps[order]
    keys = fingerprint.row_keys(timestamps, is_next_slice)
    columns = [_sums(fingerprint.value_hashes(keys, column), raw) for column in table.columns[1:]]
    return tuple(zip(*columns, strict=True))


def _sums(hashes: fingerprint.Hashes, raw: RawBatch) -> list[str]:
    """The sum of the hashes of each slice; unsigned integers wrap around at 2**64."""
    totals = np.concatenate([[np.uint64(0)], np.cumsum(hashes, dtype=np.uint64)])[raw.bounds]
    return [fingerprint.to_text(int(value)) for value in totals[1:] - totals[:-1]]
