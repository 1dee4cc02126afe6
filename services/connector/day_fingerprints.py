"""Fingerprints of whole local days."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pydantic import Field

from services.connector import fingerprint_sql, page_fingerprints
from services.connector.adbc_reader import Reader
from services.connector.data_query import PageRequest, SampleSelection, first_page
from services.connector.page_fingerprints import DaySums
from services.connector.settings import ConnectorSettings
from services.connector.source_table import SourceTable
from shared.clients.connector import MAX_DAYS, MAX_DAYS_OF_ASSET, DayFingerprints
from shared.domain.fingerprint import to_text
from shared.domain.job_request import CalendarDate
from shared.domain.local_time import local_midnight
from shared.domain.time_range import ONE_DAY, DateRange, TimeRange
from shared.errors import InvalidParameter


class FingerprintQuery(SampleSelection):
    """The parameters of `GET /fingerprints`."""

    start: CalendarDate = Field(
        description="The first day, in the source's time zone", examples=["2025-12-05"]
    )
    end: CalendarDate | None = Field(
        None,
        description=f"The day after the last, at most {MAX_DAYS} after `start`, or "
        f"{MAX_DAYS_OF_ASSET} for one asset; the day after `start` if omitted",
    )

    def days(self, table: SourceTable) -> DateRange:
        """The requested days."""
        end = self.end if self.end is not None else self.start + ONE_DAY
        count = (end - self.start).days
        has_one_asset = table.asset_column is None or len(self.assets) + len(self.asset) == 1
        longest = MAX_DAYS_OF_ASSET if has_one_asset else MAX_DAYS
        if not 0 < count <= longest:
            raise InvalidParameter("end", f"{count} days; allowed: 1 to {longest} days")
        return DateRange(self.start, end - ONE_DAY)


def read(
    query: FingerprintQuery, table: SourceTable, reader: Reader, settings: ConnectorSettings
) -> list[DayFingerprints]:
    """The fingerprints of all requested days that have samples, by asset and day."""
    days, zone, offset = query.days(table), settings.zone, settings.label_offset
    midnights = [local_midnight(day, zone) for day in (*days, days.last + ONE_DAY)]
    time_range = TimeRange(midnights[0] + offset, midnights[-1] + offset)
    request = first_page(query, table, time_range, settings.max_page_rows)
    read_sums = _source_sums if fingerprint_sql.is_exact(request) else page_fingerprints.day_sums
    return [
        DayFingerprints(
            asset=asset,
            day=days.first + n * ONE_DAY,
            rows=count,
            fingerprints=dict(zip(request.variables, map(to_text, sums), strict=True)),
        )
        for asset, n, count, sums in read_sums(reader, request, midnights, offset)
    ]


def _source_sums(
    reader: Reader, request: PageRequest, midnights: Sequence[datetime], offset: timedelta
) -> Iterator[DaySums]:
    """As `page_fingerprints.day_sums`, but the source computes the sums."""
    table = reader.fetch(fingerprint_sql.day_sums(request, midnights, offset))
    columns = [column.to_pylist() for column in table.columns]
    if fingerprint_sql.has_several_assets(request):
        assets = columns.pop(0)
    else:
        assets = [str(*request.assets)] * table.num_rows
    for asset, day, count, *sums in zip(assets, *columns, strict=True):
        yield asset, day, count, tuple(int(sum_ or 0) for sum_ in sums)
