"""Fingerprints of whole days: the samples are read page by page, and none is kept."""

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
from services.connector.schemas import DayPrint
from services.connector.source_table import ASSET, TIMESTAMP, SourceTable
from shared.domain import fingerprint
from shared.domain.fingerprint import Ints

Key = tuple[str, date]


@dataclass(slots=True)
class _Sum:
    """What was read so far of one asset's day."""

    rows: int = 0
    of: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


def read(
    reader: Reader,
    source: SourceTable,
    ask: PageRequest,
    days: Sequence[date],
    edges: Ints,
    *,
    late: timedelta,
) -> list[DayPrint]:
    """The fingerprints of every asset's day that has samples, by asset and day. Day n lies between
    `edges` n and n + 1, in µs since 1970; a stamp is `late` after the start of its sample.
    """
    shift = late // timedelta(microseconds=1)
    sums: defaultdict[Key, _Sum] = defaultdict(_Sum)
    for table in _pages(reader, source, ask):
        stamps = fingerprint.timestamps_of(table[TIMESTAMP]) - shift
        assets = _codes(table)
        groups = _starts(assets, np.searchsorted(edges, stamps, side="right"))
        places = fingerprint.row_keys(stamps, assets[1:] != assets[:-1])
        found = {
            name: np.add.reduceat(fingerprint.value_hashes(places, table[name]), groups)
            for name in ask.variables
        }
        ends = np.append(groups[1:], table.num_rows)
        for n, (first, end) in enumerate(zip(groups, ends, strict=True)):
            day = days[int(np.searchsorted(edges, stamps[first], side="right")) - 1]
            asset = table[ASSET][int(first)].as_py() if source.asset else ""
            known = sums[asset, day]
            known.rows += int(end - first)
            for name in ask.variables:
                known.of[name] += int(found[name][n])
    return [_print(key, known) for key, known in sums.items()]


def _pages(reader: Reader, source: SourceTable, ask: PageRequest) -> Iterator[pa.Table]:
    while True:
        page = paging.read(reader, source, ask)
        if page.table.num_rows:
            yield page.table
        if page.next is None:
            return
        ask = replace(ask, after=cursor.decode(page.next, ask.fingerprint))


def _codes(table: pa.Table) -> Ints:
    """(rows,): a number for each row's asset."""
    if paging.has_asset(table):
        indices: Any = table[ASSET].combine_chunks().dictionary_encode().indices
        return np.asarray(indices, np.int64)
    return np.zeros(table.num_rows, np.int64)


def _starts(assets: Ints, days: Any) -> Ints:
    """The rows at which another asset or another day begins."""
    new = (assets[1:] != assets[:-1]) | (days[1:] != days[:-1])
    return np.flatnonzero(np.append(True, new))


def _print(key: Key, known: _Sum) -> DayPrint:
    asset, day = key
    prints = {name: fingerprint.to_text(total) for name, total in known.of.items()}
    return DayPrint(asset=asset, day=day, rows=known.rows, fingerprints=prints)
