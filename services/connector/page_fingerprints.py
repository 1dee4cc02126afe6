"""Fingerprints of rows that are read page by page; only sums stay in memory.

For sources that cannot sum the hashes themselves: where timestamps may repeat, the position of a
row among those with its timestamp counts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from services.connector import cursor, paging
from services.connector.adbc_reader import Reader
from services.connector.data_query import PageRequest
from services.connector.source_table import ASSET, TIMESTAMP
from shared.domain import fingerprint
from shared.domain.fingerprint import Ints
from shared.domain.time_range import utc_datetime64

DaySums = tuple[str, int, int, tuple[int, ...]]
"""An asset, the number of a day, its rows, and the sum of the hashes of each variable."""
Key = tuple[str, int]


def day_sums(
    reader: Reader, request: PageRequest, midnights: Sequence[datetime], offset: timedelta
) -> Iterator[DaySums]:
    """The sums of each day with samples, by asset and day. Day n lies between `midnights` n and
    n + 1; `offset` is the time from a sample's start to its timestamp.
    """
    edges = np.array([utc_datetime64(midnight) for midnight in midnights]).astype(np.int64)
    rows, hashes = Counter[Key](), defaultdict[Key, Counter[str]](Counter)
    for page in _pages(reader, request):
        for key, count, sums in _groups(page, request.variables, edges, offset):
            rows[key] += count
            hashes[key].update(sums)
    for (asset, day), count in rows.items():
        yield asset, day, count, tuple(hashes[asset, day][name] for name in request.variables)


def _groups(
    page: pa.Table, variables: Sequence[str], edges: Ints, offset: timedelta
) -> Iterator[tuple[Key, int, dict[str, int]]]:
    """Of each asset's day: its key, its rows on this page, and the sum of the hashes of each
    variable. Day n lies between `edges` n and n + 1, in µs since 1970; `offset` is the time from a
    sample's start to its timestamp.
    """
    offset_us = offset // timedelta(microseconds=1)
    starts = fingerprint.timestamps_of(page[TIMESTAMP]) - offset_us
    assets = _asset_codes(page)
    day_numbers = np.searchsorted(edges, starts, side="right") - 1
    is_new = (assets[1:] != assets[:-1]) | (day_numbers[1:] != day_numbers[:-1])
    firsts = np.flatnonzero(np.append(True, is_new))
    counts = np.diff(np.append(firsts, page.num_rows))
    row_keys = fingerprint.row_keys(starts, assets[1:] != assets[:-1])
    hashes = [
        np.add.reduceat(fingerprint.value_hashes(row_keys, page[name]), firsts).tolist()
        for name in variables
    ]
    names = page[ASSET].take(firsts).to_pylist() if paging.has_asset(page) else [""] * len(firsts)
    days = day_numbers[firsts].tolist()
    for asset, day, count, *sums in zip(names, days, counts.tolist(), *hashes, strict=True):
        yield (asset, day), count, dict(zip(variables, sums, strict=True))


def _pages(reader: Reader, request: PageRequest) -> Iterator[pa.Table]:
    while True:
        page = paging.read(reader, request)
        if page.table.num_rows:
            yield page.table
        if page.next is None:
            return
        request = replace(request, after=cursor.decode(page.next, request.fingerprint))


def _asset_codes(page: pa.Table) -> Ints:
    """(rows,): a number for each row's asset."""
    if paging.has_asset(page):
        indices: Any = page[ASSET].combine_chunks().dictionary_encode().indices
        return np.asarray(indices, np.int64)
    return np.zeros(page.num_rows, np.int64)
