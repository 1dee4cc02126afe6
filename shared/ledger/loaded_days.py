"""What the ledger has as loaded on some days, and what the target has there now, of one moment."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, text

from shared.domain.content_hash import Series, series_of
from shared.domain.local_time import day_range
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import DateRange, TimeRange
from shared.ledger.target_content import contents
from shared.postgres.engines import postgres_errors

# No slice is longer than two days, so the index on (asset, start) need not be read from its start.
_LOADED = text("""
    SELECT s.job_id, s.asset, s.start, s."end", s.variables, j.spec, s.fingerprints, s.contents
    FROM etl.slice s JOIN etl.job j ON j.id = s.job_id
    WHERE s.loaded_at IS NOT NULL AND s.window_s = :window_s AND s.asset = ANY(:assets)
    AND s.start > CAST(:start AS timestamptz) - interval '2 days'
    AND s.start < :end AND s."end" > :start
""")


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """A loaded slice. None stands for a fingerprint or a content that is not known."""

    job: int
    time_range: TimeRange
    fingerprints: Mapping[str, str | None]
    """Of the samples of each variable."""
    contents: Mapping[Series, int | None]
    """Of each series that was loaded."""
    spec: StatisticsSpec
    """With which the job computed."""

    @classmethod
    def of(cls, row: Row[Any], spec: StatisticsSpec) -> Self:
        """From a row of the ledger and the specification of its job."""
        series = series_of(row.variables, spec.statistics)
        fingerprints = row.fingerprints or [None] * len(row.variables)
        contents = row.contents or [None] * len(series)
        return cls(
            row.job_id,
            TimeRange(row.start, row.end),
            dict(zip(row.variables, fingerprints, strict=True)),
            dict(zip(series, contents, strict=True)),
            spec,
        )


@dataclass(frozen=True, slots=True)
class LoadedDays:
    """The loaded slices of each asset, and the contents of its days, one of each series, in the
    target.
    """

    parts: Mapping[str, Sequence[LoadedPart]]
    contents: Mapping[tuple[str, date], Mapping[Series, int]]


def loaded_days(
    engine: Engine,
    days: DateRange,
    zone: ZoneInfo,
    *,
    assets: Sequence[str],
    series: Sequence[Series],
    window_s: int,
) -> LoadedDays:
    """What is loaded on these days. Raises `Unavailable`."""
    with postgres_errors(), engine.begin() as connection:
        # A loader may commit between the two queries.
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        parts = _parts(connection, days, zone, assets, window_s)
        keys = [(asset, day) for asset in assets for day in days]
        spans = [(asset, day_range(day, zone)) for asset, day in keys]
        found = contents(connection, spans, series, window_s=window_s)
    of_days = (dict(zip(series, values, strict=True)) for values in found)
    return LoadedDays(parts, dict(zip(keys, of_days, strict=True)))


def _parts(
    connection: Connection, days: DateRange, zone: ZoneInfo, assets: Sequence[str], window_s: int
) -> Mapping[str, Sequence[LoadedPart]]:
    bounds = {"start": day_range(days.first, zone).start, "end": day_range(days.last, zone).end}
    values = {**bounds, "assets": list(assets), "window_s": window_s}
    parts: dict[str, list[LoadedPart]] = defaultdict(list)
    specs: dict[int, StatisticsSpec] = {}
    for row in connection.execute(_LOADED, values):
        if row.job_id not in specs:
            specs[row.job_id] = StatisticsSpec.model_validate(row.spec)
        parts[row.asset].append(LoadedPart.of(row, specs[row.job_id]))
    return parts
