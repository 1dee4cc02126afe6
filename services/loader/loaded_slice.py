"""What the ledger keeps of the slices of batches that were loaded."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from services.loader import slice_content
from services.loader.fence import Patch
from shared.domain.batches import StatsBatch
from shared.ledger.load_marks import LoadedSlice


def loaded_slices(
    batches: Sequence[StatsBatch], patches: Sequence[Patch], *, load_ms: float
) -> list[LoadedSlice]:
    """The slices of the batches, after their patches were written. `load_ms` is the time of each
    slice; the earlier stages give times of a batch.
    """
    superseded = {patch.batch.slices[n].identity for patch in patches for n in patch.fenced}
    return [
        LoadedSlice(
            slice=slice_,
            rows=rows,
            superseded=slice_.identity in superseded,
            extract_ms=batch.extract_ms / len(batch.slices),
            aggregate_ms=batch.aggregate_ms / len(batch.slices),
            load_ms=load_ms,
            fingerprints=fingerprints,
            content=None if slice_.identity in superseded else content,
            **counts,
        )
        for batch in batches
        for slice_, rows, fingerprints, content, counts in zip(
            batch.slices,
            batch.rows,
            batch.fingerprints,
            slice_content.contents(batch),
            _counts(batch),
            strict=True,
        )
    ]


def _counts(batch: StatsBatch) -> Iterator[dict[str, Any]]:
    """Of each slice: the windows with a value, the samples they have, and the samples that are
    expected.
    """
    counts = np.array([batch.table[f"{name}:count"].to_numpy() for name in batch.variables])
    first = batch.bounds[:-1]
    columns = (
        np.add.reduceat((counts > 0).any(axis=0).astype(np.int64), first),
        np.add.reduceat(counts.sum(axis=0), first),
        np.add.reduceat(batch.table["expected"].to_numpy(), first) * len(batch.variables),
    )
    for windows, present, expected in zip(*(c.tolist() for c in columns), strict=True):
        yield {"windows": windows, "present": present, "expected": expected}
