"""Reconciliation: which days of the target were computed from other samples than the source has.

Both sides have fingerprints: the connector computes those of the source, and the ledger has those
of each loaded slice. Fingerprints add up, so days and slices need not have the same bounds.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Row, text

from shared.clients.connector import MAX_DAYS, DayFingerprints
from shared.domain import fingerprint
from shared.domain.local_time import day_range, local_midnight
from shared.domain.time_range import ONE_DAY, DateRange, TimeRange
from shared.postgres.engines import postgres_errors

Reason = Literal["missing", "changed", "partly"]
Key = tuple[str, str]
"""Asset and variable."""
NO_SAMPLES = fingerprint.to_text(0)

# No slice is longer than two days, so the index on (asset, start) need not be read from its start.
_LOADED = text("""
    SELECT job_id, asset, start, "end", variables, fingerprints FROM etl.slice
    WHERE loaded_at IS NOT NULL AND window_s = :window_s
    AND start > CAST(:start AS timestamptz) - interval '2 days'
    AND start < :end AND "end" > :start
""")


class FingerprintSource(Protocol):
    """The part of the connector's client that is used here."""

    def fingerprints(
        self, first: date, last: date, *, variables: tuple[str, ...] = ()
    ) -> list[DayFingerprints]: ...


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One variable of one asset on one local day, for which target and source differ.

    `missing`: the source has samples, and nothing was loaded. `changed`: the day was computed from
    other samples. `partly`: the day was not loaded completely, or before fingerprints were kept.
    """

    day: date
    asset: str
    variable: str
    reason: Reason
    source: str
    """The fingerprint of the samples that the source has now."""


@dataclass(frozen=True, slots=True)
class LoadedFingerprint:
    """The fingerprint of one variable of a loaded slice; None if it was loaded without one."""

    job: int
    time_range: TimeRange
    fingerprint: str | None


def differences(
    source: FingerprintSource,
    engine: Engine,
    first: date,
    last: date,
    *,
    zone: ZoneInfo,
    window_s: int,
    variables: Collection[str],
) -> list[Difference]:
    """The differences on the days `first` to `last`, both included, by day and asset. A variable
    that was never loaded is `missing` only if it is among `variables`. Raises `Unavailable`, and
    the errors of the connector's client.
    """
    result: list[Difference] = []
    for days in _months(DateRange(first, last)):
        loaded = _loaded(engine, days, zone=zone, window_s=window_s)
        source_days = _source_fingerprints(source.fingerprints(days.first, days.last))
        for key in sorted({*loaded, *source_days}):
            asset, variable = key
            for day in days:
                current = source_days.get(key, {}).get(day, NO_SAMPLES)
                reason = _classify(
                    current, loaded.get(key, []), day_range(day, zone),
                    is_wanted=variable in variables,
                )  # fmt: skip
                if reason:
                    result.append(Difference(day, asset, variable, reason, current))
    return sorted(result)


def _months(days: DateRange) -> Iterator[DateRange]:
    """As many days at a time as the connector answers for."""
    first = days.first
    while first <= days.last:
        last = min(days.last, first + (MAX_DAYS - 1) * ONE_DAY)
        yield DateRange(first, last)
        first = last + ONE_DAY


def _loaded(
    engine: Engine, days: DateRange, *, zone: ZoneInfo, window_s: int
) -> dict[Key, list[LoadedFingerprint]]:
    bounds = {
        "start": local_midnight(days.first, zone),
        "end": local_midnight(days.last + ONE_DAY, zone),
    }
    with postgres_errors(), engine.connect() as connection:
        rows = connection.execute(_LOADED, {**bounds, "window_s": window_s}).all()
    loaded: dict[Key, list[LoadedFingerprint]] = defaultdict(list)
    for row in rows:
        for variable, loaded_fingerprint in _fingerprints_of(row):
            loaded[row.asset, variable].append(loaded_fingerprint)
    return loaded


def _fingerprints_of(row: Row[Any]) -> Iterator[tuple[str, LoadedFingerprint]]:
    time_range = TimeRange(row.start, row.end)
    fingerprints = row.fingerprints or [None] * len(row.variables)
    for variable, value in zip(row.variables, fingerprints, strict=True):
        yield variable, LoadedFingerprint(row.job_id, time_range, value)


def _source_fingerprints(days: Iterable[DayFingerprints]) -> dict[Key, dict[date, str]]:
    """The fingerprint of each day."""
    by_key: dict[Key, dict[date, str]] = defaultdict(dict)
    for day in days:
        for variable, value in day.fingerprints.items():
            by_key[day.asset, variable][day.day] = value
    return by_key


def _classify(
    current: str, loaded: Sequence[LoadedFingerprint], day: TimeRange, *, is_wanted: bool
) -> Reason | None:
    overlapping = [
        one for one in loaded
        if one.time_range.start < day.end and one.time_range.end > day.start
    ]  # fmt: skip
    if not overlapping:
        return "missing" if is_wanted and current != NO_SAMPLES else None
    newest = max(one.job for one in overlapping)
    fingerprints = _contiguous([one for one in overlapping if one.job == newest], day)
    if fingerprints is None:
        return "partly"
    return None if fingerprint.combine(fingerprints) == current else "changed"


def _contiguous(loaded: Sequence[LoadedFingerprint], day: TimeRange) -> list[str] | None:
    """The fingerprints of slices that cover exactly this day without a gap; else None."""
    ordered = sorted(loaded, key=lambda one: one.time_range)
    ranges = [one.time_range for one in ordered]
    if (ranges[0].start, ranges[-1].end) != day:
        return None
    if any(one.end != following.start for one, following in pairwise(ranges)):
        return None
    fingerprints = [one.fingerprint for one in ordered if one.fingerprint is not None]
    return fingerprints if len(fingerprints) == len(ordered) else None
