"""What the ledger keeps of a loaded slice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from services.loader import slice_content
from services.loader.fence import Patch
from shared.domain.batches import StatsBatch
from shared.domain.slices import Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSlice:
    """`windows` are those with a value, `present` the samples that they have, `expected` the
    samples that they should have, both over all variables. `superseded`: a newer job had loaded
    some of the windows before. `fingerprints` are in the order of the variables. `content` is
    `shared.domain.content_hash`, None for a slice that was superseded.
    """

    slice: Slice
    rows: int
    windows: int
    present: int
    expected: int
    superseded: bool
    extract_ms: float
    aggregate_ms: float
    load_ms: float
    fingerprints: tuple[str, ...]
    content: str | None

    def row(self) -> dict[str, Any]:
        """The columns of `etl.slice`, as JSON can write them."""
        slice_ = self.slice
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "slice"}
        return values | {
            "job_id": slice_.job, "asset": slice_.asset, "variables": slice_.variables,
            "start": slice_.start.isoformat(), "end": slice_.end.isoformat(),
            "window_s": slice_.spec.window_s,
        }  # fmt: skip


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


def _counts(batch: StatsBatch) -> Iterator[dict[str, int]]:
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
