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
_ASSETS = "SELECT DISTINCT asset FROM signal"
_JOBS = """
    SELECT id, first_day, last_day, assets FROM etl.job
    WHERE first_day <= :last AND last_day >= :first ORDER BY id DESC
"""
_STATES = "SELECT id, state FROM etl.job_status WHERE id = ANY (:ids)"

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


def coverage(
    target: Target, days: LocalDays, *, window_s: int, variables: Sequence[str] = ()
) -> dict[str, list[DayCoverage]]:
    """Each day of each asset that has a signal or that a job names, from windows of this length.
    Only `variables` count, all of them; without any, the variables that were loaded count.
    """
    start, end = days.time_range
    params = {
        "first": days.first, "last": days.last, "start": start, "end": end,
        "zone": days.zone.key, "variables": list(variables), "window_s": window_s,
    }  # fmt: skip
    loaded: dict[Cell, list[Row[Any]]] = defaultdict(list)
    for row in target.fetch(_LOADED, params):
        loaded[row.asset, row.day].append(row)
    jobs = target.fetch(_JOBS, {"first": days.first, "last": days.last})
    assets = {row.asset for row in target.fetch(_ASSETS)} | {asset for asset, _ in loaded}
    assets |= {asset for job in jobs for asset in job.assets}
    newest_jobs = _newest_jobs(jobs, assets, days)
    ids = sorted(set(newest_jobs.values()))
    job_states = {row.id: row.state for row in target.fetch(_STATES, {"ids": ids})}
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
            job=job,
            job_state=job_states.get(job) if job else None,
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


def _newest_jobs(jobs: Iterable[Row[Any]], assets: Set[str], days: DateRange) -> dict[Cell, int]:
    """The newest job of each asset's day. `jobs` come newest first; a job that names no assets
    includes all of them.
    """
    newest: dict[Cell, int] = {}
    open_days = {asset: set(days) for asset in assets}
    for job in jobs:
        job_days = set(DateRange(max(job.first_day, days.first), min(job.last_day, days.last)))
        for asset in job.assets or assets:
            newest |= {(asset, day): job.id for day in open_days[asset] & job_days}
            open_days[asset] -= job_days
        if not any(open_days.values()):
            break
    return newest
