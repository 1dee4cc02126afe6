"""From stats batches to the rows of the target's tables. Pure numpy."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.loader.fence import Patch
from services.loader.signals import SignalKey
from shared.domain.time_range import utc_datetime64

Stamps = NDArray[np.datetime64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ReplaceRange:
    """One signal over one span: what is replaced as a whole."""

    signal_id: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class TargetRows:
    """Rows of `data`, each of shape (n,): UTC stamps (µs), signal ids (int32), values (float64)."""

    timestamp: Stamps
    signal_id: NDArray[np.int32]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, parts: Iterable[Self]) -> Self:
        """All parts in the order of the primary key: writers in one order can't block each other
        in a circle. Each part is of one signal and in order, and no two of them overlap.
        """
        given = sorted(
            (part for part in parts if len(part)), key=lambda p: (p.signal_id[0], p.timestamp[0])
        )
        return cls(
            np.concatenate([np.empty(0, "datetime64[us]"), *(p.timestamp for p in given)]),
            np.concatenate([np.empty(0, np.int32), *(p.signal_id for p in given)]),
            np.concatenate([np.empty(0, np.float64), *(p.value for p in given)]),
        )

    def __len__(self) -> int:
        return len(self.value)

    def where(self, chosen: Bools) -> Self:
        return type(self)(self.timestamp[chosen], self.signal_id[chosen], self.value[chosen])


def target_rows(patches: Sequence[Patch], ids: Mapping[SignalKey, int]) -> TargetRows:
    """Every statistic that the patches bring; a window without one has no row."""
    return TargetRows.of(part for patch in patches for part in _values(patch, ids))


def _values(patch: Patch, ids: Mapping[SignalKey, int]) -> Iterator[TargetRows]:
    """One part for each span of a signal: another job's windows may lie between two of them."""
    stamps = _stamps(patch)
    for key in SignalKey.of_patch(patch):
        column = patch.batch.table[f"{patch.variable}:{key.statistic}"].to_numpy()
        for start, end in patch.spans:
            first, last = np.searchsorted(stamps, [utc_datetime64(start), utc_datetime64(end)])
            found = column[first:last]
            chosen = ~np.isnan(found)
            count = int(chosen.sum())
            yield TargetRows(
                stamps[first:last][chosen], np.full(count, ids[key], np.int32), found[chosen]
            )


def replace_ranges(patches: Sequence[Patch], ids: Mapping[SignalKey, int]) -> list[ReplaceRange]:
    """What the patches replace, in the order of the primary key; neighbours are one unit."""
    found = sorted(
        (ids[key], start, end)
        for patch in patches
        for key in SignalKey.of_patch(patch)
        for start, end in patch.spans
    )
    joined: list[ReplaceRange] = []
    for id, start, end in found:
        if joined and (joined[-1].signal_id, joined[-1].end) == (id, start):
            joined[-1] = ReplaceRange(id, joined[-1].start, end)
        else:
            joined.append(ReplaceRange(id, start, end))
    return joined


def quality_rows(patches: Sequence[Patch]) -> list[tuple[Any, ...]]:
    """Rows of `quality`: (asset, variable, window_s, timestamp, count, expected, flags) of
    the windows that are not perfect.
    """
    return sorted(row for patch in patches if not patch.statistic for row in _imperfect(patch))


def _imperfect(patch: Patch) -> Iterator[tuple[Any, ...]]:
    table, part = patch.batch.table, patch.batch.slice
    stamps = _stamps(patch)
    inside = np.zeros(len(stamps), np.bool_)
    for start, end in patch.spans:
        inside |= (stamps >= utc_datetime64(start)) & (stamps < utc_datetime64(end))
    count = table[f"{patch.variable}:count"].to_numpy()
    flags = table[f"{patch.variable}:flags"].to_numpy()
    expected = table["expected"].to_numpy()
    for n in np.flatnonzero(inside & ((count != expected) | (flags != 0))):
        yield (
            part.asset, patch.variable, part.spec.window_s, table["timestamp"][int(n)].as_py(),
            int(count[n]), int(expected[n]), int(flags[n]),
        )  # fmt: skip


def _stamps(patch: Patch) -> Stamps:
    """The starts of the batch's windows, in order."""
    stamps: Stamps = patch.batch.table["timestamp"].to_numpy().astype("datetime64[us]")
    return stamps
