"""Fingerprints of whole days. The samples are read page by page; only sums stay in memory."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from services.connector import cursor, paging
from services.connector.adbc_reader import Reader
from services.connector.data_query import PageRequest
from services.connector.source_table import ASSET, TIMESTAMP
from shared.clients.connector import DayFingerprints
from shared.domain import fingerprint
from shared.domain.fingerprint import Ints

Key = tuple[str, date]


@dataclass(slots=True)
class _DaySums:
    """The rows of one asset's day, and the sum of the hashes of each variable."""

    rows: int = 0
    hashes: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


def read(
    reader: Reader,
    request: PageRequest,
    days: Sequence[date],
    edges: Ints,
    *,
    offset: timedelta,
) -> list[DayFingerprints]:
    """The fingerprints of each asset's days that have samples, by asset and day. Day n lies between
    `edges` n and n + 1, in µs since 1970; `offset` is the time from a sample's start to its
    timestamp.
    """
    offset_us = offset // timedelta(microseconds=1)
    sums: defaultdict[Key, _DaySums] = defaultdict(_DaySums)
    for page in _pages(reader, request):
        starts = fingerprint.timestamps_of(page[TIMESTAMP]) - offset_us
        assets = _asset_codes(page)
        day_numbers = np.searchsorted(edges, starts, side="right") - 1
        firsts = _group_starts(assets, day_numbers)
        row_keys = fingerprint.row_keys(starts, assets[1:] != assets[:-1])
        hashes = {
            name: np.add.reduceat(fingerprint.value_hashes(row_keys, page[name]), firsts)
            for name in request.variables
        }
        ends = np.append(firsts[1:], page.num_rows)
        for group, (first, end) in enumerate(zip(firsts, ends, strict=True)):
            asset = page[ASSET][int(first)].as_py() if request.table.asset_column else ""
            day_sums = sums[asset, days[int(day_numbers[first])]]
            day_sums.rows += int(end - first)
            for name in request.variables:
                day_sums.hashes[name] += int(hashes[name][group])
    return [_to_fingerprints(key, day_sums) for key, day_sums in sums.items()]


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


def _group_starts(assets: Ints, day_numbers: Any) -> Ints:
    """The indices of the rows at which another asset or another day begins."""
    is_new = (assets[1:] != assets[:-1]) | (day_numbers[1:] != day_numbers[:-1])
    return np.flatnonzero(np.append(True, is_new))


def _to_fingerprints(key: Key, sums: _DaySums) -> DayFingerprints:
    asset, day = key
    texts = {name: fingerprint.to_text(total) for name, total in sums.hashes.items()}
    return DayFingerprints(asset=asset, day=day, rows=sums.rows, fingerprints=texts)
