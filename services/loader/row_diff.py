"""The difference between the rows in the target and the rows to load. Pure numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.loader.target_rows import TargetRows

Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class RowDiff:
    """Rows to insert, rows to update with another value, and rows to delete."""

    new: TargetRows
    changed: TargetRows
    deleted: TargetRows


def row_diff(existing: TargetRows, incoming: TargetRows) -> RowDiff:
    """Compare by key. Both are in the order of the primary key, and each key occurs once."""
    if not len(existing):
        none = incoming.where(np.zeros(len(incoming), np.bool_))
        return RowDiff(incoming, none, none)
    in_existing, in_incoming = _common_keys(existing, incoming)
    is_deleted = np.ones(len(existing), np.bool_)
    is_deleted[in_existing] = False
    is_new = np.ones(len(incoming), np.bool_)
    is_new[in_incoming] = False
    is_changed = np.zeros(len(incoming), np.bool_)
    is_changed[in_incoming] = existing.value[in_existing] != incoming.value[in_incoming]
    return RowDiff(incoming.where(is_new), incoming.where(is_changed), existing.where(is_deleted))


def _common_keys(one: TargetRows, other: TargetRows) -> tuple[Positions, Positions]:
    """The positions, in `one` and in `other`, of the keys that both have."""
    if np.array_equal(one.signal_id, other.signal_id) and np.array_equal(
        one.timestamp, other.timestamp
    ):
        all_rows = np.arange(len(one))
        return all_rows, all_rows
    ids = np.concatenate([one.signal_id, other.signal_id])
    timestamps = np.concatenate([one.timestamp, other.timestamp])
    order = np.lexsort((timestamps, ids))  # stable: of two equal keys, that of `one` is first
    first, second = order[:-1], order[1:]
    is_equal = (ids[first] == ids[second]) & (timestamps[first] == timestamps[second])
    return first[is_equal], second[is_equal] - len(one)
