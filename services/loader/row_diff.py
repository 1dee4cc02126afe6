"""What has to be written so that what stands becomes what comes. Pure numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.loader.target_rows import TargetRows

Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class RowDiff:
    """Rows that are to be added, to be given another value, and to be removed."""

    new: TargetRows
    changed: TargetRows
    gone: TargetRows


def row_diff(standing: TargetRows, coming: TargetRows) -> RowDiff:
    """Compare by key. Both are in the order of the primary key and have each key once."""
    if not len(standing):
        none = coming.where(np.zeros(len(coming), np.bool_))
        return RowDiff(coming, none, none)
    here, there = _pairs(standing, coming)
    alone = np.ones(len(standing), np.bool_)
    alone[here] = False
    is_new = np.ones(len(coming), np.bool_)
    is_new[there] = False
    differs = np.zeros(len(coming), np.bool_)
    differs[there] = standing.value[here] != coming.value[there]
    return RowDiff(coming.where(is_new), coming.where(differs), standing.where(alone))


def _pairs(one: TargetRows, other: TargetRows) -> tuple[Positions, Positions]:
    """Where in the one and where in the other the keys stand that both have."""
    if np.array_equal(one.signal_id, other.signal_id) and np.array_equal(
        one.timestamp, other.timestamp
    ):
        everything = np.arange(len(one))
        return everything, everything
    ids = np.concatenate([one.signal_id, other.signal_id])
    stamps = np.concatenate([one.timestamp, other.timestamp])
    order = np.lexsort((stamps, ids))  # stable: of two equal keys, that of `one` comes first
    first, second = order[:-1], order[1:]
    equal = (ids[first] == ids[second]) & (stamps[first] == stamps[second])
    return first[equal], second[equal] - len(one)
