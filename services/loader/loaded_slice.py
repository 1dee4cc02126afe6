"""What the ledger keeps of the slices of batches that were loaded."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from services.loader import slice_content
from services.loader.fence import Patch
from shared.domain.batches import StatsBatch
from shared.domain.content_hash import Series, series_of
from shared.domain.slices import Identity, Slice
from shared.ledger.load_marks import LoadedSlice


def loaded_slices(
    batches: Sequence[StatsBatch], patches: Sequence[Patch], *, load_ms: float
) -> list[LoadedSlice]:
    """The slices of the batches, after their patches were written. `load_ms` is the time of each
    slice; the earlier stages give times of a batch.
    """
    fenced = _fenced(patches)
    return [
        LoadedSlice(
            slice=slice_,
            rows=rows,
            superseded=slice_.identity in fenced,
            extract_ms=batch.extract_ms / len(batch.slices),
            aggregate_ms=batch.aggregate_ms / len(batch.slices),
            load_ms=load_ms,
            fingerprints=fingerprints,
            contents=_whole(slice_, contents, fenced.get(slice_.identity, ())),
            **counts,
        )
        for batch in batches
        for slice_, rows, fingerprints, contents, counts in zip(
            batch.slices,
            batch.rows,
            batch.fingerprints,
            slice_content.contents(batch),
            _counts(batch),
            strict=True,
        )
    ]


def _fenced(patches: Sequence[Patch]) -> dict[Identity, set[Series]]:
    """The series of which a newer job had loaded windows before, for each slice that has some."""
    fenced: dict[Identity, set[Series]] = defaultdict(set)
    for patch in patches:
        for n in patch.fenced:
            fenced[patch.batch.slices[n].identity].add((patch.variable, patch.statistic))
    return fenced


def _whole(
    slice_: Slice, contents: Sequence[int], fenced: Collection[Series]
) -> Sequence[int | None]:
    """The contents of the series that were loaded as a whole, None for the others."""
    if not fenced:
        return contents
    series = series_of(slice_.variables, slice_.spec.statistics)
    return [None if one in fenced else c for one, c in zip(series, contents, strict=True)]


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
