"""Reconciliation: which days of the target are not as the source says.

Three things are compared. The connector computes the fingerprints of the samples that the source
has now. The ledger has the fingerprints of the samples that were loaded, and the contents that were
loaded. The target has its contents of now. Fingerprints and contents add up, so days and slices
need not have the same bounds.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from shared.clients.connector import MAX_DAYS, DayFingerprints
from shared.domain import content_hash, fingerprint
from shared.domain.content_hash import Series, series_of
from shared.domain.local_time import day_range
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import ONE_DAY, DateRange, TimeRange
from shared.ledger.loaded_days import LoadedPart, loaded_days

Reason = Literal["missing", "partly", "changed", "settings", "altered"]
NO_SAMPLES = fingerprint.to_text(0)
QUALITY = "quality"
"""In place of a statistic: the rows of `quality`."""


class FingerprintSource(Protocol):
    """The part of the connector's client that is used here."""

    def fingerprints(
        self, first: date, last: date, *, variables: Sequence[str] = ()
    ) -> list[DayFingerprints]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is compared: each statistic, and the quality, of each variable of each asset on each
    day. `spec` is that of new jobs, `missing_allowed` are statistics that are compared only where
    they were loaded, and `source_variables` the variables that the source has.
    """

    days: DateRange
    zone: ZoneInfo
    assets: Sequence[str]
    variables: Sequence[str]
    statistics: Sequence[str]
    spec: StatisticsSpec
    source_variables: Collection[str]
    missing_allowed: Collection[str] = ()


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """A statistic of a variable of an asset on a local day, for which target and source differ.

    `missing`: the source has samples, and nothing was loaded. `partly`: the day was not loaded as a
    whole. `changed`: it was computed from other samples. `settings`: it was computed with other
    settings. `altered`: the target has other rows than those that were loaded.
    """

    day: date
    asset: str
    variable: str
    statistic: str
    """Or `QUALITY`."""
    reason: Reason
    source: str
    """The fingerprint of the samples that the source has now."""


def differences(source: FingerprintSource, engine: Engine, scope: Scope) -> list[Difference]:
    """The differences within the scope, by day and asset. Raises `Unavailable`, and the errors of
    the connector's client.
    """
    return sorted(
        difference
        for days in _months(scope.days)
        for difference in _differences(source, engine, scope, days)
    )


def _differences(
    source: FingerprintSource, engine: Engine, scope: Scope, days: DateRange
) -> Iterator[Difference]:
    series = series_of(scope.variables, scope.statistics)
    loaded = loaded_days(
        engine, days, scope.zone, assets=scope.assets, series=series, window_s=scope.spec.window_s
    )
    source_days = _source_days(source, scope, days)
    for asset in scope.assets:
        for day in days:
            time_range, current = day_range(day, scope.zone), source_days[asset, day]
            parts = _overlapping(loaded.parts.get(asset, ()), time_range)
            for one in series:
                variable, statistic = one
                samples = current.get(variable, NO_SAMPLES)
                reason = _classify(
                    one, parts, time_range, scope.spec, samples=samples,
                    content=loaded.contents[asset, day][one],
                    may_be_missing=statistic in scope.missing_allowed,
                )  # fmt: skip
                if reason:
                    yield Difference(day, asset, variable, statistic or QUALITY, reason, samples)


def _months(days: DateRange) -> Iterator[DateRange]:
    """As many days at a time as the connector answers for."""
    first = days.first
    while first <= days.last:
        last = min(days.last, first + (MAX_DAYS - 1) * ONE_DAY)
        yield DateRange(first, last)
        first = last + ONE_DAY


def _source_days(
    source: FingerprintSource, scope: Scope, days: DateRange
) -> Mapping[tuple[str, date], Mapping[str, str]]:
    """The fingerprints of each asset's day, by variable."""
    found: dict[tuple[str, date], Mapping[str, str]] = defaultdict(dict)
    if variables := [name for name in scope.variables if name in scope.source_variables]:
        for day in source.fingerprints(days.first, days.last, variables=variables):
            found[day.asset, day.day] = day.fingerprints
    return found


def _overlapping(parts: Sequence[LoadedPart], day: TimeRange) -> list[LoadedPart]:
    return [
        part
        for part in parts
        if part.time_range.start < day.end and part.time_range.end > day.start
    ]


def _classify(
    series: Series,
    parts: Sequence[LoadedPart],
    day: TimeRange,
    spec: StatisticsSpec,
    *,
    samples: str,
    content: int,
    may_be_missing: bool = False,
) -> Reason | None:
    """Compare one series of a day: the `parts` that overlap it, the fingerprint of the `samples` of
    the source, and the `content` of the target.
    """
    parts = [part for part in parts if series in part.contents]
    if not parts and samples != NO_SAMPLES and not may_be_missing:
        return "missing"
    if parts:
        newest = max(part.job for part in parts)
        parts = [part for part in parts if part.job == newest]
        fingerprints = [part.fingerprints[series[0]] for part in parts]
        contents = [part.contents[series] for part in parts]
        if not _cover(parts, day) or None in fingerprints or None in contents:
            return "partly"
        if fingerprint.combine(filter(None, fingerprints)) != samples:
            return "changed"
        if _settings_of(series, parts[0].spec) != _settings_of(series, spec):
            return "settings"
    loaded = content_hash.combine(part.contents[series] or 0 for part in parts)
    return None if loaded == content else "altered"


def _settings_of(series: Series, spec: StatisticsSpec) -> tuple[Any, ...]:
    """What of the specification changes the rows of the series."""
    variable, statistic = series
    if statistic is None:
        return spec.period_s, spec.flatline_s, spec.value_limits.get(variable)
    is_circular = variable in spec.circular_variables
    return is_circular, spec.ddof if statistic == "std" and not is_circular else None


def _cover(parts: Sequence[LoadedPart], day: TimeRange) -> bool:
    """Whether the slices cover exactly this day without a gap."""
    ranges = sorted(part.time_range for part in parts)
    return (ranges[0].start, ranges[-1].end) == day and all(
        one.end == following.start for one, following in pairwise(ranges)
    )
