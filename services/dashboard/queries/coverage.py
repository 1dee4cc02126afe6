"""How much of each asset's local day is loaded, by the slices in the ledger."""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import Row

from services.dashboard.queries.local_days import LocalDays
from services.dashboard.queries.target import Target
from shared.domain.local_time import day_range
from shared.domain.time_range import DateRange, TimeRange

State = Literal["none", "partial", "complete"]
SHARE_DIGITS = 9
"""Shares are rounded to this, so that rounding errors of a sum do not hide a full share."""

# A slice counts for the day of its middle, because slices of a job in another time zone reach over
# midnight. No slice is longer than two days. If several jobs loaded a variable, the job that covers
# most of the day counts; among equals the newest, whose windows are in the target.
# `present` are the samples that the windows expect, less those that `quality` reports as missing,
# as a share of each window: a part of the day may have been loaded with another sampling period.
# `possible` are the samples that fit into the time, also if the period does not divide the window.
_LOADED = """
    WITH loaded AS (
        SELECT s.asset, v.variable, s.job_id, s.start, s."end", s.windows,
               CAST((s.start + (s."end" - s.start) / 2) AT TIME ZONE :zone AS date) AS day,
               CAST(extract(epoch FROM s."end" - s.start) AS float8) AS covered_s,
               CAST(s.expected AS float8) / cardinality(s.variables) AS expected,
               CAST(j.spec->>'period_s' AS float8) AS period_s
        FROM etl.slice s CROSS JOIN LATERAL unnest(s.variables) AS v(variable)
        JOIN etl.job j ON j.id = s.job_id
        WHERE s.loaded_at IS NOT NULL AND s.window_s = :window_s
        AND s.start > CAST(:start AS timestamptz) - interval '2 days' AND s.start < :end
        AND s.asset = ANY (CAST(:assets AS text[]))
        AND (CAST(:variables AS text[]) = '{}' OR v.variable = ANY (CAST(:variables AS text[])))
    ), by_job AS (
        SELECT asset, variable, job_id, day, sum(covered_s) AS covered_s,
               CAST(sum(windows) AS bigint) AS windows, sum(expected) AS expected,
               floor(sum(covered_s) / min(period_s) + 1e-6) AS possible
        FROM loaded WHERE day BETWEEN :first AND :last GROUP BY 1, 2, 3, 4
    ), best AS (
        SELECT DISTINCT ON (asset, variable, day) * FROM by_job
        ORDER BY asset, variable, day, covered_s DESC, job_id DESC
    ), missing AS (
        SELECT asset, variable, day,
               sum(missed.windows * l.expected * :window_s / l.covered_s) AS samples
        FROM best JOIN loaded l USING (asset, variable, job_id, day)
        CROSS JOIN LATERAL (
            SELECT sum(1 - CAST(q.count AS float8) / nullif(q.expected, 0)) AS windows
            FROM quality q WHERE q.asset = l.asset AND q.variable = l.variable
            AND q.window_s = :window_s AND q.timestamp >= l.start AND q.timestamp < l."end"
        ) AS missed
        GROUP BY 1, 2, 3
    )
    SELECT b.asset, b.day, b.covered_s, b.windows, b.possible,
           greatest(0, b.expected - coalesce(m.samples, 0)) AS present
    FROM best b LEFT JOIN missing m USING (asset, variable, day)
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
    start, end = days.time_range
    params = {
        "first": days.first, "last": days.last, "start": start, "end": end, "assets": list(assets),
        "zone": days.zone.key, "variables": list(variables), "window_s": window_s,
    }  # fmt: skip
    loaded: dict[Cell, list[Row[Any]]] = defaultdict(list)
    for row in target.fetch(_LOADED, params):
        loaded[row.asset, row.day].append(row)
    newest_jobs = _newest_jobs(_jobs(target, days, assets), days, assets)
    ranges = {day: day_range(day, days.zone) for day in days}

    def one_day(asset: str, day: date) -> DayCoverage:
        rows, job = loaded.get((asset, day), []), newest_jobs.get((asset, day))
        states = {_state(row, ranges[day]) for row in rows}
        if len(rows) < len(variables):
            states.add("none")
        possible = sum(row.possible for row in rows)
        present = sum(min(row.present, row.possible) for row in rows)
        return DayCoverage(
            day=day,
            state=_combine(states),
            coverage=round(present / possible, SHARE_DIGITS) if possible else None,
            windows=max((row.windows for row in rows), default=0),
            job=job.id if job else None,
            job_state=job.state if job else None,
        )

    return {asset: [one_day(asset, day) for day in days] for asset in sorted(assets)}


def _state(row: Row[Any], day: TimeRange) -> State:
    """The state of one variable; a day that was loaded without a sample is `none`."""
    if row.present < 0.5:  # of a sample
        return "none"
    is_covered = row.covered_s >= (day.end - day.start).total_seconds()
    return "complete" if is_covered and row.present > row.possible - 0.5 else "partial"


def _combine(states: Set[State]) -> State:
    """The state of a day from the states of its variables."""
    if not states - {"none"}:
        return "none"
    return "complete" if states == {"complete"} else "partial"


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
