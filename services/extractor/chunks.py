"""Divides a job into chunks. Its slices are a grid: assets and time ranges."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, groupby
from urllib.parse import quote
from zoneinfo import ZoneInfo

from shared.domain import arrow_codec
from shared.domain.job import Job
from shared.domain.slices import Slice, consecutive_runs
from shared.domain.spec import DAY_S
from shared.domain.time_range import TimeRange

MAX_NAMES_BYTES = 4_096
"""Of the assets of one query, as its URL has them. Servers limit the length of a URL: the connector
reads 16 KiB, many proxies 8 KiB.
"""
SNAPSHOT_BYTES = arrow_codec.MAX_TABLE_BYTES // 2
"""The expected samples of a local day that is read as one snapshot: half of what the connector
allows.
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


def queries(runs: Iterable[list[Slice]]) -> Iterator[list[list[Slice]]]:
    """The runs that one query reads: of several assets, with the same time ranges."""
    by_range: dict[TimeRange, list[list[Slice]]] = defaultdict(list)
    for run in runs:
        by_range[TimeRange(run[0].start, run[-1].end)].append(run)
    for same_range in by_range.values():
        query: list[list[Slice]] = []
        for run in same_range:
            if query and _names_bytes([*query, run]) > MAX_NAMES_BYTES:
                yield query
                query = []
            query.append(run)
        yield query


def regular_runs(slices: Iterable[Slice], zone: ZoneInfo) -> Iterator[list[Slice]]:
    """Runs of consecutive slices of one asset: a local day of `zone` or a part of it, or several
    days that are one slice of 24 hours each.
    """
    for run in consecutive_runs(slices):
        by_day = (list(day) for _, day in groupby(run, key=lambda slice_: _local_day(slice_, zone)))
        for is_regular, days in groupby(by_day, key=_is_one_slice):
            if is_regular:
                yield list(chain.from_iterable(days))
            else:
                yield from days


def snapshot_s(run: Sequence[Slice], zone: ZoneInfo) -> int:
    """The seconds of the snapshots in which one of the `regular_runs` is read: a local day, or a
    slice if the day has too many samples.
    """
    first, seconds = run[0], _seconds(run)
    is_day = _local_day(first, zone) == _local_day(run[-1], zone)
    size = 8 * (1 + len(first.variables)) * seconds / first.spec.period_s
    return seconds if is_day and size <= SNAPSHOT_BYTES else first.spec.slice_s


def _is_one_slice(day: Sequence[Slice]) -> bool:
    return len(day) == 1 and _seconds(day) == DAY_S


def _seconds(run: Sequence[Slice]) -> int:
    return round((run[-1].end - run[0].start).total_seconds())


def _local_day(slice_: Slice, zone: ZoneInfo) -> date:
    return slice_.start.astimezone(zone).date()


def _names_bytes(runs: Iterable[Sequence[Slice]]) -> int:
    return sum(len(f"&asset={quote(run[0].asset)}") for run in runs)
