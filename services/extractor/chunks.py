"""Divides a job into chunks. Its slices are a grid: assets and time ranges."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from shared.domain.job import Job
from shared.domain.slices import Slice, consecutive_runs
from shared.domain.time_range import TimeRange

MAX_NAMES_BYTES = 4_096
"""Of the assets of one query, as its URL has them. Servers limit the length of a URL: the connector
reads 16 KiB, many proxies 8 KiB.
"""


def divide_days(days: Iterable[Sequence[TimeRange]], size: int) -> list[list[TimeRange]]:
    """The time ranges of all days in parts of at most `size`. Only a day that has more time ranges
    is divided: the days of a part can be compared with those of the source.
    """
    parts: list[list[TimeRange]] = [[]]
    for day in days:
        if len(parts[-1]) + len(day) > size:
            parts.append([])
        for time_range in day:
            if len(parts[-1]) == size:
                parts.append([])
            parts[-1].append(time_range)
    return [part for part in parts if part]


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of a job: rectangles of the grid with at most `size` slices. A chunk has all time
    ranges of several assets, or, if these are more than `size`, a part of those of one asset.
    `parts` are those of `divide_days`.
    """

    job: Job
    parts: Sequence[Sequence[TimeRange]]
    size: int

    @property
    def assets_per_chunk(self) -> int:
        return max(1, self.size // sum(map(len, self.parts))) if self.parts else 1

    def __len__(self) -> int:
        return math.ceil(len(self.job.assets) / self.assets_per_chunk) * len(self.parts)

    def slices(self, chunk: int) -> list[Slice]:
        """The slices of one chunk, ordered by asset and time; none after the last chunk."""
        if chunk >= len(self):
            return []
        group, part = divmod(chunk, len(self.parts))
        count = self.assets_per_chunk
        return [
            self.job.slice_of(asset, time_range)
            for asset in self.job.assets[group * count : (group + 1) * count]
            for time_range in self.parts[part]
        ]


def queries(slices: Iterable[Slice]) -> Iterator[list[list[Slice]]]:
    """The slices that one query reads: for each of several assets, the same consecutive slices."""
    by_range: dict[TimeRange, list[list[Slice]]] = defaultdict(list)
    for run in consecutive_runs(slices):
        by_range[TimeRange(run[0].start, run[-1].end)].append(run)
    for runs in by_range.values():
        query: list[list[Slice]] = []
        for run in runs:
            if query and _names_bytes([*query, run]) > MAX_NAMES_BYTES:
                yield query
                query = []
            query.append(run)
        yield query


def _names_bytes(runs: Iterable[Sequence[Slice]]) -> int:
    return sum(len(f"&asset={quote(run[0].asset)}") for run in runs)
