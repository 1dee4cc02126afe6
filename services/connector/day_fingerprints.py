"""Fingerprints of whole local days. The samples are read page by page; only sums stay in memory."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from services.connector import cursor, paging
from services.connector.adbc_reader import Reader
from services.connector.data_query import PageRequest, SampleSelection, first_page
from services.connector.settings import ConnectorSettings
from services.connector.source_table import ASSET, TIMESTAMP, SourceTable
from shared.clients.connector import MAX_DAYS, DayFingerprints
from shared.domain import fingerprint
from shared.domain.fingerprint import Ints
from shared.domain.job_request import CalendarDate
from shared.domain.local_time import local_midnight
from shared.domain.time_range import ONE_DAY, DateRange, TimeRange, utc_datetime64
from shared.errors import InvalidParameter

Key = tuple[str, int]
"""An asset, and the number of a day."""


class FingerprintQuery(SampleSelection):
    """The parameters of `GET /fingerprints`."""

    start: CalendarDate = Field(
        description="The first day, in the source's time zone", examples=["2025-12-05"]
    )
    end: CalendarDate | None = Field(
        None,
        description=f"The day after the last, at most {MAX_DAYS} after `start`; "
        "the day after `start` if omitted",
    )

    def days(self) -> DateRange:
        """The requested days."""
        end = self.end if self.end is not None else self.start + ONE_DAY
        count = (end - self.start).days
        if not 0 < count <= MAX_DAYS:
            raise InvalidParameter("end", f"{count} days; allowed: 1 to {MAX_DAYS} days")
        return DateRange(self.start, end - ONE_DAY)


def read(
    query: FingerprintQuery, table: SourceTable, reader: Reader, settings: ConnectorSettings
) -> list[DayFingerprints]:
    """The fingerprints of all requested days that have samples, by asset and day."""
    days, zone, offset = query.days(), settings.zone, settings.label_offset
    midnights = [local_midnight(day, zone) for day in (*days, days.last + ONE_DAY)]
    time_range = TimeRange(midnights[0] + offset, midnights[-1] + offset)
    request = first_page(query, table, time_range, settings.max_page_rows)
    edges = np.array([utc_datetime64(midnight) for midnight in midnights]).astype(np.int64)
    rows, hashes = Counter[Key](), defaultdict[Key, Counter[str]](Counter)
    for page in _pages(reader, request):
        for key, count, sums in _groups(page, request.variables, edges, offset):
            rows[key] += count
            hashes[key].update(sums)
    return [
        DayFingerprints(
            asset=asset,
            day=days.first + n * ONE_DAY,
            rows=count,
            fingerprints={v: fingerprint.to_text(hashes[asset, n][v]) for v in request.variables},
        )
        for (asset, n), count in rows.items()
    ]


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
