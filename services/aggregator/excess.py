"""Warns of windows with far more samples than the sampling period lets expect."""

import numpy as np

from shared import logs
from shared.domain.batches import StatsBatch
from shared.domain.spec import EXCESS

log = logs.get(__name__)


def warn(stats: StatsBatch) -> None:
    """Log the first such window, and how many the batch has."""
    expected = stats.table["expected"].to_numpy()
    counts = np.max([stats.table[f"{name}:count"].to_numpy() for name in stats.variables], axis=0)
    windows = np.flatnonzero(counts > EXCESS * expected)
    if len(windows):
        first = int(windows[0])
        slice_ = stats.slices[int(np.searchsorted(stats.bounds, first, side="right")) - 1]
        log.warning(
            "batch.more_samples_than_expected",
            asset=slice_.asset,
            start=stats.table["timestamp"][first].as_py().isoformat(),
            samples=int(counts[first]),
            expected=int(expected[first]),
            windows=len(windows),
            advice="set MINUANO_SAMPLING_PERIOD_S to the sampling period of the source",
        )
