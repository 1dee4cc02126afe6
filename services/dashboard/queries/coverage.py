"""What of each asset's day stands in the target: asked of the ledger, which knows it by slices."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from services.dashboard.queries.target import Target
from shared.domain.local_time import local_midnight

State = Literal["none", "partial", "complete"]
_DAY = timedelta(days=1)
SHARE_DIGITS = 9
"""What adding up leaves of a share that is whole."""

# A slice counts for the day that holds its middle: those of another zone, set before, lie across
# midnight. Of several jobs with a variable that one counts which covers most of the day, and of
# equals the newest, which is the one that stands in the target. No slice is longer than two days.
# Of the samples that its windows expect those are there that `quality` does not miss, by variable,
# as shares: a part may have been loaded again by a job with another period. Wanted are as many as
# fall into the time, also where the period does not divide the window.
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
        AND (CAST(:variable AS text) IS NULL OR v.variable = CAST(:variable AS text))
    ), jobs AS (
        SELECT asset, variable, job_id, day, sum(covered_s) AS covered_s,
               CAST(sum(windows) AS bigint) AS windows, sum(expected) AS expected,
               floor(sum(covered_s) / min(period_s) + 1e-6) AS wanted
        FROM loaded WHERE day BETWEEN :first AND :last GROUP BY 1, 2, 3, 4
    ), newest AS (
        SELECT DISTINCT ON (asset, variable, day) * FROM jobs
        ORDER BY asset, variable, day, covered_s DESC, job_id DESC
    ), off AS (
        SELECT asset, variable, day,
               sum(missed.windows * l.expected * :window_s / l.covered_s) AS samples
        FROM newest JOIN loaded l USING (asset, variable, job_id, day)
        CROSS JOIN LATERAL (
            SELECT sum(CAST(q.count AS float8) / nullif(q.expected, 0) - 1) AS windows
            FROM quality q WHERE q.asset = l.asset AND q.variable = l.variable
            AND q.window_s = :window_s AND q.timestamp >= l.start AND q.timestamp < l."end"
        ) AS missed
        GROUP BY 1, 2, 3
    )
    SELECT n.asset, n.day, n.covered_s, n.windows, n.wanted,
           greatest(0, n.expected + coalesce(o.samples, 0)) AS present
    FROM newest n LEFT JOIN off o USING (asset, variable, day)
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
    """One asset's local day. `coverage` is samples found over samples expected, of what was loaded;
    None where nothing was. `job` is the newest that asked for the day, whatever became of it.
    """

    asset: str
    day: date
    state: State
    coverage: float | None
    windows: int
    job: int | None
    job_state: str | None


def coverage(
    target: Target,
    first_day: date,
    last_day: date,
    zone: ZoneInfo,
    *,
    window_s: int,
    variable: str | None = None,
) -> list[DayCoverage]:
    """Every day from `first_day` to `last_day`, both included, of every asset that there is or that
    a job asked for: by asset and day, of windows of this length. With `variable`, only what was
    loaded of it counts.
    """
    span = {"first": first_day, "last": last_day}
    edges = {"start": local_midnight(first_day, zone), "end": local_midnight(last_day + _DAY, zone)}
    values = {
        **span, **edges, "zone": zone.key, "variable": variable, "window_s": window_s,
    }  # fmt: skip
    loaded: dict[Cell, list[Row[Any]]] = {}
    for row in target.fetch(_LOADED, values):
        loaded.setdefault((row.asset, row.day), []).append(row)
    jobs = target.fetch(_JOBS, span)
    assets = {row.asset for row in target.fetch(_ASSETS)} | {asset for asset, _ in loaded}
    assets |= {asset for row in jobs for asset in row.assets}
    days = list(_days(first_day, last_day))
    asked = _newest(jobs, assets, days)
    states = _states(target, set(asked.values()))
    lengths = {day: _length(day, zone) for day in days}
    return [
        _told(
            (asset, day), loaded.get((asset, day), []), lengths[day], asked.get((asset, day)),
            states,
        )
        for asset in sorted(assets)
        for day in days
    ]  # fmt: skip


def _told(
    cell: Cell, found: list[Row[Any]], length: timedelta, job: int | None, states: dict[int, str]
) -> DayCoverage:
    wanted = sum(row.wanted for row in found)
    present = sum(min(row.present, row.wanted) for row in found)
    return DayCoverage(
        *cell,
        state=combined({_state(row, length) for row in found}),
        coverage=round(present / wanted, SHARE_DIGITS) if wanted else None,
        windows=max((row.windows for row in found), default=0),
        job=job,
        job_state=states.get(job) if job else None,
    )


def _state(found: Row[Any], length: timedelta) -> State:
    """Of one variable. `none` also where the source had no sample: a day is not there because it
    was looked for.
    """
    if found.present < 0.5:  # of a sample
        return "none"
    whole = found.covered_s >= length.total_seconds() and found.present > found.wanted - 0.5
    return "complete" if whole else "partial"


def combined(of_variables: Set[State]) -> State:
    """Complete where all of them are; missing where all are, or where there are none."""
    if not of_variables - {"none"}:
        return "none"
    return "complete" if of_variables == {"complete"} else "partial"


def _newest(jobs: Iterable[Row[Any]], assets: set[str], days: list[date]) -> dict[Cell, int]:
    """Of each cell the newest job; `jobs` come newest first, one without assets means all."""
    found: dict[Cell, int] = {}
    left = {asset: set(days) for asset in assets}
    for job in jobs:
        span = set(_days(max(job.first_day, days[0]), min(job.last_day, days[-1])))
        for asset in job.assets or assets:
            taken = left[asset] & span
            left[asset] -= taken
            found |= {(asset, day): job.id for day in taken}
        if not any(left.values()):
            break
    return found


def _states(target: Target, ids: set[int]) -> dict[int, str]:
    return {row.id: row.state for row in target.fetch(_STATES, {"ids": sorted(ids)})}


def _days(first: date, last: date) -> Iterator[date]:
    return (first + n * _DAY for n in range((last - first).days + 1))


def _length(day: date, zone: ZoneInfo) -> timedelta:
    """24 hours, but where clocks change."""
    begin: datetime = local_midnight(day, zone)
    return local_midnight(day + _DAY, zone) - begin
