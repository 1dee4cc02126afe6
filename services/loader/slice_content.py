"""The content of the slices of a batch (`shared.domain.content_hash`), before they are loaded."""

from collections.abc import Iterator

import numpy as np

from shared.domain.batches import StatsBatch
from shared.domain.content_hash import data_hashes, quality_hashes, seed_of
from shared.domain.fingerprint import Ints, timestamps_of, to_text
from shared.domain.float_hash import Hashes


def contents(batch: StatsBatch) -> list[str]:
    """The content that the target will have for each slice that is loaded as a whole."""
    timestamps = timestamps_of(batch.table["timestamp"])
    total = np.zeros(len(timestamps), np.uint64)
    for hashes in _hashes(batch, timestamps):
        total += hashes
    return [to_text(content) for content in np.add.reduceat(total, batch.bounds[:-1]).tolist()]


def _hashes(batch: StatsBatch, timestamps: Ints) -> Iterator[Hashes]:
    """(windows,): of each signal, and of the quality of each variable."""
    table = batch.table
    for variable in batch.variables:
        for statistic in batch.spec.statistics:
            values = table[f"{variable}:{statistic}"].to_numpy()
            yield data_hashes(timestamps, seed_of(variable, statistic), values)
        count, flags = (table[f"{variable}:{name}"].to_numpy() for name in ("count", "flags"))
        expected = table["expected"].to_numpy()
        bad = np.flatnonzero((count != expected) | (flags != 0))
        hashes = np.zeros(len(timestamps), np.uint64)
        hashes[bad] = quality_hashes(
            timestamps[bad], seed_of(variable, None), count[bad], expected[bad], flags[bad]
        )
        yield hashes
