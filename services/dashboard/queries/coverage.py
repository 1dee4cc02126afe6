"""How much of each asset's local day is loaded, by the slices in the ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from services.dashboard.queries.local_days import LocalDays
from services.dashboard.queries.target import Target
from shared.domain.local_time import day_range
from shared.domain.time_range import DateRange

State = Literal["none", "partial", "complete"]
SHARE_DIGITS = 9
"""Shares are rounded to this, so that rounding errors of a sum do not hide a full share."""

# A slice counts for the day of its middle, because slices of a job in another time zone reach over
# midnight. No slice is longer than two days. If several jobs loaded a variable, the job that covers
# most of the day counts; among equals the newest, whose windows are in the target.
# `present` are the samples that the windows expect, less those that `quality` reports as missing,
# as a share of each window: a part of the day may have been loaded with another sampling period.
# `possible` are the samples that fit into the time, also if the period does not divide the window.
# A day has a state from its variables: `none` if no variable has a sample, `complete` if none of
# them misses a sample.
_LOADED = """
    WITH loaded AS MATERIALIZED (
        SELECT asset, job_id, start, "end", windows, expected,
               CAST((start + ("end" - start) / 2) AT TIME ZONE :zone AS date) AS day
        FROM etl.slice
        WHERE loaded_at IS NOT NULL AND window_s = :window_s
        AND asset = ANY (CAST(:assets AS text[]))
        AND start > CAST(:start AS timestamptz) - interval '2 days' AND start < :end
    ), by_job AS (
        SELECT asset, job_id, day, date_part('epoch', sum("end" - start)) AS covered_s,
               CAST(sum(windows) AS bigint) AS windows, CAST(sum(expected) AS float8) AS expected,
               range_agg(tstzrange(start, "end")) AS ranges
        FROM loaded WHERE day BETWEEN :first AND :last GROUP BY 1, 2, 3
    ), newest AS (
        SELECT DISTINCT ON (b.asset, b.day, j.variables) b.*, j.variables,
               CAST(j.spec->>'period_s' AS float8) AS period_s
        FROM by_job b JOIN etl.job j ON j.id = b.job_id
        ORDER BY b.asset, b.day, j.variables, b.covered_s DESC, b.job_id DESC
    ), best AS (
        SELECT DISTINCT ON (asset, day, variable) n.*, v.variable
        FROM newest n CROSS JOIN LATERAL unnest(n.variables) AS v(variable)
        WHERE CAST(:variables AS text[]) = '{}' OR v.variable = ANY (CAST(:variables AS text[]))
        ORDER BY asset, day, variable, covered_s DESC, job_id DESC
    ), by_variable AS (
        SELECT asset, day, windows, covered_s, floor(covered_s / period_s + 1e-6) AS possible,
               greatest(0, expected / cardinality(variables)
                           * (1 - missing * :window_s / covered_s)) AS present
        FROM best b CROSS JOIN LATERAL (
            SELECT coalesce(sum(1 - CAST(q.count AS float8) / nullif(q.expected, 0)), 0) AS missing
            FROM quality q WHERE q.asset = b.asset AND q.variable = b.variable
            AND q.window_s = :window_s AND q.timestamp <@ b.ranges
            AND q.timestamp BETWEEN lower(b.ranges) AND upper(b.ranges)
        ) AS m
    )
    SELECT asset, day, min(covered_s) AS covered_s, max(windows) AS windows,
           sum(possible) AS possible, sum(least(present, possible)) AS present,
           CASE WHEN max(present) < 0.5 THEN 'none'
                WHEN min(present) >= 0.5 AND min(present - possible) > -0.5
                     AND count(*) >= cardinality(CAST(:variables AS text[])) THEN 'complete'
                ELSE 'partial' END AS state
    FROM by_variable GROUP BY asset, day
"""
# Most jobs have the same assets, so each list of assets is read once and not for each job.
_ASSETS = """
    SELECT asset FROM signal
    UNION SELECT unnest(assets) FROM (
        SELECT DISTINCT assets FROM etl.job WHERE first_day <= :last AND last_day >= :first
    ) AS jobs
    ORDER BY asset
"""
_JOBS = """
    SELECT assets, array_agg(id) AS ids, array_agg(state) AS states,
           array_agg(greatest(first_day, :first)) AS first_days,
           array_agg(least(last_day, :last)) AS last_days
    FROM etl.job_status WHERE first_day <= :last AND last_day >= :first GROUP BY assets
"""

Cell = tuple[str, date]


@dataclass(frozen=True, slots=True)
class DayCoverage:
    """One local day of an asset. `state` is `none` if no sample was loaded, `complete` if the whole
    day was loaded and no expected sample is missing, else `partial`. `coverage` is samples found
    over samples expected, of the time that was loaded; null if no time was loaded. `windows` counts
    the windows with a value. `job` is the newest job that includes the day, in whatever state.
    """

    day: date
    state: State
    coverage: float | None
    windows: int
    job: int | None
    job_state: str | None


@dataclass(frozen=True, slots=True, order=True)
class _Job:
    """A job that includes some of the days."""

    id: int
    state: str
    days: DateRange
    assets: Sequence[str]


def known_assets(target: Target, days: DateRange) -> list[str]:
    """Each asset that has a signal, or that a job of these days names, by name."""
    rows = target.fetch(_ASSETS, {"first": days.first, "last": days.last})
    return [row.asset for row in rows]


def coverage(
    target: Target,
    days: LocalDays,
    *,
    window_s: int,
    variables: Sequence[str] = (),
    assets: Sequence[str] = (),
) -> dict[str, list[DayCoverage]]:
    """Each day of each of the assets, from windows of this length; without assets, of all known
    ones. Only `variables` count, all of them; without any, the variables that were loaded count.
    """
    assets = assets or known_assets(target, days)
    newest_jobs = _newest_jobs(_jobs(target, days, assets), days, assets)
    start, end = days.time_range
    params = {
        "first": days.first, "last": days.last, "start": start, "end": end, "assets": list(assets),
        "zone": days.zone.key, "variables": list(variables), "window_s": window_s,
    }  # fmt: skip
    loaded = {(row.asset, row.day): row for row in target.fetch(_LOADED, params)}
    lengths_s = {day: _length_s(day, days.zone) for day in days}

    def one_day(asset: str, day: date) -> DayCoverage:
        row, job = loaded.get((asset, day)), newest_jobs.get((asset, day))
        return DayCoverage(
            day=day,
            state=_state(row, lengths_s[day]) if row else "none",
            coverage=round(row.present / row.possible, SHARE_DIGITS)
            if row and row.possible
            else None,
            windows=row.windows if row else 0,
            job=job.id if job else None,
            job_state=job.state if job else None,
        )

    return {asset: [one_day(asset, day) for day in days] for asset in sorted(assets)}


def _length_s(day: date, zone: ZoneInfo) -> float:
    start, end = day_range(day, zone)
    return (end - start).total_seconds()


def _state(row: Row[Any], length_s: float) -> State:
    """A day is complete only if all of its time was loaded, for each variable."""
    state: State = row.state
    return "partial" if state == "complete" and row.covered_s < length_s else state


def _jobs(target: Target, days: DateRange, assets: Sequence[str]) -> list[_Job]:
    """The jobs of these days and assets, newest first. A job that names no assets includes all."""
    jobs = []
    for row in target.fetch(_JOBS, {"first": days.first, "last": days.last}):
        names = frozenset(row.assets or assets)
        included = [asset for asset in assets if asset in names]
        for id, state, first, last in zip(
            row.ids, row.states, row.first_days, row.last_days, strict=True
        ):
            jobs.append(_Job(id, state, DateRange(first, last), included))
    return sorted(jobs, reverse=True)


def _newest_jobs(jobs: Iterable[_Job], days: DateRange, assets: Iterable[str]) -> dict[Cell, _Job]:
    """The newest job of each asset's day. `jobs` come newest first."""
    newest: dict[Cell, _Job] = {}
    open_days = {asset: set(days) for asset in assets}
    for job in jobs:
        job_days = set(job.days)
        for asset in job.assets:
            newest |= {(asset, day): job for day in open_days[asset] & job_days}
            open_days[asset] -= job_days
        if not any(open_days.values()):
            break
    return newest
