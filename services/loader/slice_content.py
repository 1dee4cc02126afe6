"""The contents of the slices of a batch (`shared.domain.content_hash`), before they are loaded."""

import numpy as np

from shared.domain.batches import StatsBatch
from shared.domain.content_hash import data_hashes, quality_hashes, seed_of
from shared.domain.fingerprint import Ints, timestamps_of
from shared.domain.float_hash import Hashes


def contents(batch: StatsBatch) -> list[list[int]]:
    """The contents that the target will have for each slice that is loaded as a whole: one of each
    of its series.
    """
    timestamps = timestamps_of(batch.table["timestamp"])
    hashes = np.concatenate(
        [_data(batch, timestamps), _quality(batch, timestamps)[:, np.newaxis]], axis=1
    ).reshape(-1, len(timestamps))
    sums = np.add.reduceat(hashes, batch.bounds[:-1], axis=1)
    result: list[list[int]] = sums.T.view(np.int64).tolist()
    return result


def _data(batch: StatsBatch, timestamps: Ints) -> Hashes:
    """(variables, statistics, windows): the hashes of the values."""
    names = [(v, s) for v in batch.variables for s in batch.spec.statistics]
    values = [batch.table[f"{variable}:{statistic}"].to_numpy() for variable, statistic in names]
    seeds = np.repeat(np.array([seed_of(*name) for name in names], np.int64), len(timestamps))
    repeated = np.tile(timestamps, len(names))
    hashes = data_hashes(repeated, seeds, np.concatenate(values))
    return hashes.reshape(len(batch.variables), len(batch.spec.statistics), len(timestamps))


def _quality(batch: StatsBatch, timestamps: Ints) -> Hashes:
    """(variables, windows): the hashes of the quality rows; 0 where a window has none."""
    table, expected = batch.table, batch.table["expected"].to_numpy()
    hashes = np.zeros((len(batch.variables), len(timestamps)), np.uint64)
    for variable, row in zip(batch.variables, hashes, strict=True):
        count, flags = (table[f"{variable}:{name}"].to_numpy() for name in ("count", "flags"))
        bad = np.flatnonzero((count != expected) | (flags != 0))
        if len(bad):
            seeds = np.full(len(bad), seed_of(variable, None), np.int64)
            row[bad] = quality_hashes(timestamps[bad], seeds, count[bad], expected[bad], flags[bad])
    return hashes
