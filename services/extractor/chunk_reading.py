"""Reads the samples of one chunk ahead of their use: query after query, page after page. A page has
whole snapshots, so no slice is of two states of the source.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from zoneinfo import ZoneInfo

import pyarrow as pa

from services.extractor.chunks import queries, regular_runs, snapshot_s
from services.extractor.prefetch import Prefetch
from services.extractor.sample_client import SampleClient
from services.extractor.sample_page import SamplePage
from services.extractor.slicing import (
    SampleGroup,
    group_into_batches,
    shift_timestamps,
    slices_with_rows,
)
from shared.domain.slices import Slice
from shared.streams.backoff import Heartbeat


class ChunkReading:
    """The slices of a chunk with their samples. A thread begins to read them at once. `zone` is
    that of the job; `offset` is what the source adds to the start of a sample.
    """

    def __init__(
        self,
        connector: SampleClient,
        slices: Sequence[Slice],
        *,
        zone: ZoneInfo,
        offset: timedelta,
        heartbeat: Heartbeat,
    ) -> None:
        self._connector, self._zone, self._offset = connector, zone, offset
        self._heartbeat = heartbeat
        self._queries = list(queries(regular_runs(slices, zone)))
        self._pages = Prefetch(self._read())

    def groups(self) -> Iterator[SampleGroup]:
        """All slices, also those without samples, in groups for one batch each. Raises what
        `SampleClient.pages` raises.
        """
        return group_into_batches(self._slices_with_rows())

    def close(self) -> None:
        """Read no more pages."""
        self._pages.close()

    def _slices_with_rows(self) -> Iterator[tuple[Slice, pa.Table | None]]:
        for query, pages in groupby(self._pages, key=itemgetter(0)):
            yield from slices_with_rows(self._with_beats(pages), self._queries[query])

    def _with_beats(self, pages: Iterator[tuple[int, SamplePage | None]]) -> Iterator[SamplePage]:
        for _, page in pages:
            self._heartbeat.beat()
            if page:
                yield page

    def _read(self) -> Iterator[tuple[int, SamplePage | None]]:
        """The position of each query with its pages, whose timestamps are the starts of their
        samples; then with None, because a query may have no page.
        """
        for n, runs in enumerate(self._queries):
            first, offset = runs[0], self._offset
            pages = self._connector.pages(
                assets=[run[0].asset for run in runs],
                start=first[0].start + offset,
                end=first[-1].end + offset,
                variables=first[0].variables,
                snapshot_s=snapshot_s(first, self._zone),
            )
            for page in pages:
                yield n, shift_timestamps(page, offset) if offset else page
            yield n, None
