"""What `GET /fingerprints` may be asked: whole local days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field

from services.connector import cursor, day_fingerprints
from services.connector.adbc_reader import Reader
from services.connector.data_query import PageRequest, Selection, assets_of, variables_of
from services.connector.schemas import DayPrint
from services.connector.settings import ConnectorSettings
from services.connector.source_table import SourceTable
from shared.domain.job_request import CalendarDate
from shared.domain.local_time import local_midnight
from shared.http.problem_details import invalid_parameter

MAX_DAYS = 31
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class DaysQuery(Selection):
    """The parameters of `GET /fingerprints` as they are written."""

    start: CalendarDate = Field(
        description="The first day, in the source's time zone", examples=["2025-12-05"]
    )
    end: CalendarDate | None = Field(
        None,
        description=f"The day after the last, at most {MAX_DAYS} after `start`; "
        "the day after `start` if left out",
    )

    def days(self) -> list[date]:
        """Every day, in order."""
        end = self.end if self.end is not None else self.start + _DAY
        count = (end - self.start).days
        if not 0 < count <= MAX_DAYS:
            raise invalid_parameter("end", f"1 to {MAX_DAYS} days are allowed; this makes {count}")
        return [self.start + n * _DAY for n in range(count)]


def fingerprint_rows(
    query: DaysQuery, source: SourceTable, reader: Reader, settings: ConnectorSettings
) -> list[DayPrint]:
    """The fingerprints of all days asked for that have samples, by asset and day."""
    days, zone = query.days(), ZoneInfo(source.zone)
    midnights = [local_midnight(day, zone) for day in (*days, days[-1] + _DAY)]
    late = timedelta(
        seconds=settings.sampling_period_s if settings.source_timestamp_label == "end" else 0
    )
    variables, assets = variables_of(query, source), assets_of(query, source)
    start, end = midnights[0] + late, midnights[-1] + late
    ask = PageRequest(
        start=start,
        end=end,
        variables=variables,
        assets=assets,
        limit=settings.max_page_rows,
        after=None,
        fingerprint=cursor.fingerprint(source.identity, start, end, variables, assets),
    )
    edges = np.array([(midnight - _EPOCH) // _MICROSECOND for midnight in midnights])
    return day_fingerprints.read(reader, source, ask, days, edges, late=late)
