"""Which days of the target were computed from other samples than the source has now."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, text

from shared.clients.connector import MAX_DAYS, DayFingerprints
from shared.domain import fingerprint
from shared.domain.local_time import local_midnight
from shared.postgres.engines import postgres_errors

Reason = Literal["missing", "changed", "partly"]
NOTHING = fingerprint.to_text(0)
_DAY = timedelta(days=1)

# No slice is longer than two days: the index on (asset, start) need not be read from its beginning.
_LOADED = text("""
    SELECT job_id, asset, start, "end", variables, fingerprints FROM etl.slice
    WHERE loaded_at IS NOT NULL AND window_s = :window_s
    AND start > CAST(:start AS timestamptz) - interval '2 days'
    AND start < :end AND "end" > :start
""")


class FingerprintSource(Protocol):
    """What is asked of the connector's client."""

    def fingerprints(
        self, first: date, last: date, *, variables: tuple[str, ...] = ()
    ) -> list[DayFingerprints]: ...


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One variable of one asset's local day that does not stand in the target as in the source.

    `missing`: the source has samples, and nothing was loaded. `changed`: it was computed from other
    samples. `partly`: it was not loaded as a whole, or before fingerprints were kept.
    """

    day: date
    asset: str
    variable: str
    reason: Reason
    source: str
    """The fingerprint of what the source has."""


@dataclass(frozen=True, slots=True)
class _LoadedSpan:
    """What one job has loaded of one variable."""

    job: int
    start: datetime
    end: datetime
    fingerprint: str | None


def differences(
    source: FingerprintSource,
    engine: Engine,
    first: date,
    last: date,
    *,
    zone: ZoneInfo,
    window_s: int,
    wanted: Collection[str],
) -> list[Difference]:
    """Compare the days `first` to `last`, both included, by day and asset: what was loaded of any
    variable, and of those `wanted` also what was never loaded. Raises `Outage`, and what the
    connector's client does.
    """
    found: list[Difference] = []
    for start, end in _months(first, last):
        loaded = _loaded(engine, start, end, zone=zone, window_s=window_s)
        there = _source_fingerprints(source.fingerprints(start, end))
        for key in sorted({*loaded, *there}):
            (asset, variable), parts = key, loaded.get(key, [])
            for day, span in _days(start, end, zone):
                now = there.get(key, {}).get(day, NOTHING)
                if why := _classify(now, parts, span, is_wanted=variable in wanted):
                    found.append(Difference(day, asset, variable, why, now))
    return sorted(found)


def _months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """As many days at a time as the connector answers for."""
    while first <= last:
        end = min(last, first + (MAX_DAYS - 1) * _DAY)
        yield first, end
        first = end + _DAY


def _days(
    first: date, last: date, zone: ZoneInfo
) -> Iterator[tuple[date, tuple[datetime, datetime]]]:
    for n in range((last - first).days + 1):
        day = first + n * _DAY
        yield day, (local_midnight(day, zone), local_midnight(day + _DAY, zone))


def _loaded(
    engine: Engine, first: date, last: date, *, zone: ZoneInfo, window_s: int
) -> dict[tuple[str, str], list[_LoadedSpan]]:
    """By asset and variable."""
    span = {"start": local_midnight(first, zone), "end": local_midnight(last + _DAY, zone)}
    with postgres_errors(), engine.connect() as connection:
        rows = connection.execute(_LOADED, {**span, "window_s": window_s}).all()
    found: dict[tuple[str, str], list[_LoadedSpan]] = defaultdict(list)
    for row in rows:
        for variable, part in _spans_of_row(row):
            found[row.asset, variable].append(part)
    return found


def _spans_of_row(row: Row[Any]) -> Iterator[tuple[str, _LoadedSpan]]:
    prints = row.fingerprints or [None] * len(row.variables)
    for variable, found in zip(row.variables, prints, strict=True):
        yield variable, _LoadedSpan(row.job_id, row.start, row.end, found)


def _source_fingerprints(days: Iterable[DayFingerprints]) -> dict[tuple[str, str], dict[date, str]]:
    """By asset and variable, the fingerprint of each day."""
    found: dict[tuple[str, str], dict[date, str]] = defaultdict(dict)
    for each in days:
        for variable, value in each.fingerprints.items():
            found[each.asset, variable][each.day] = value
    return found


def _classify(
    now: str, parts: Sequence[_LoadedSpan], span: tuple[datetime, datetime], *, is_wanted: bool
) -> Reason | None:
    start, end = span
    touching = [part for part in parts if part.start < end and part.end > start]
    if not touching:
        return "missing" if is_wanted and now != NOTHING else None
    newest = max(part.job for part in touching)
    prints = _contiguous([part for part in touching if part.job == newest], span)
    if prints is None:
        return "partly"
    return None if fingerprint.combine(prints) == now else "changed"


def _contiguous(parts: list[_LoadedSpan], span: tuple[datetime, datetime]) -> list[str] | None:
    """The fingerprints of parts that make up the span exactly; None if they do not."""
    parts.sort(key=lambda part: part.start)
    edges = [part.start for part in parts], [part.end for part in parts]
    if (edges[0][0], edges[1][-1]) != span:
        return None
    if any(former.end != latter.start for former, latter in pairwise(parts)):
        return None
    prints = [part.fingerprint for part in parts if part.fingerprint is not None]
    return prints if len(prints) == len(parts) else None
