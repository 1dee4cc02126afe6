"""The parameters of `GET /fingerprints`: whole local days."""

from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field

from services.connector import day_fingerprints
from services.connector.adbc_reader import Reader
from services.connector.data_query import PageRequest, Selection, select_assets, select_variables
from services.connector.settings import ConnectorSettings
from services.connector.source_table import SourceTable
from shared.clients.connector import MAX_DAYS, DayFingerprints
from shared.domain.job_request import CalendarDate
from shared.domain.local_time import local_midnight
from shared.domain.time_range import ONE_DAY, DateRange, utc_datetime64
from shared.errors import InvalidParameter


class DaysQuery(Selection):
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
    query: DaysQuery, table: SourceTable, reader: Reader, settings: ConnectorSettings
) -> list[DayFingerprints]:
    """The fingerprints of all requested days that have samples, by asset and day."""
    days, zone, offset = query.days(), ZoneInfo(table.zone), settings.label_offset
    midnights = [local_midnight(day, zone) for day in (*days, days.last + ONE_DAY)]
    request = PageRequest(
        table=table,
        start=midnights[0] + offset,
        end=midnights[-1] + offset,
        variables=select_variables(query, table),
        assets=select_assets(query, table),
        limit=settings.max_page_rows,
    )
    edges = np.array([utc_datetime64(midnight) for midnight in midnights]).astype(np.int64)
    return day_fingerprints.read(reader, request, list(days), edges, offset=offset)
