"""What of each asset's day stands in the target: asked of the ledger, which knows it by slices."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from services.dashboard.target import Target
from shared.spec import local_midnight

State = Literal["none", "partial", "complete"]
_DAY = timedelta(days=1)

# A slice counts for the day that holds its middle: those of another zone, set before, lie across
# midnight. Of several jobs the one counts that covers most of the day, and of equals the newest,
# which is the one that stands in the target. No slice is longer than two days.
_LOADED = """
    SELECT DISTINCT ON (asset, day) asset, day, job_id, covered_s, windows, present, expected
    FROM (
        SELECT asset, CAST((start + ("end" - start) / 2) AT TIME ZONE :zone AS date) AS day, job_id,
               CAST(extract(epoch FROM sum("end" - start)) AS double precision) AS covered_s,
               CAST(sum(windows) AS bigint) AS windows,
               CAST(sum(present) AS bigint) AS present, CAST(sum(expected) AS bigint) AS expected
        FROM etl.slice
        WHERE loaded_at IS NOT NULL
        AND start > CAST(:start AS timestamptz) - interval '2 days' AND start < :end
        AND (CAST(:variable AS text) IS NULL OR CAST(:variable AS text) = ANY (variables))
        GROUP BY 1, 2, 3
    ) AS slices
    WHERE day BETWEEN :first AND :last
    ORDER BY asset, day, covered_s DESC, job_id DESC
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
    target: Target, first_day: date, last_day: date, zone: ZoneInfo, *, variable: str | None = None
) -> list[DayCoverage]:
    """Every day from `first_day` to `last_day`, both included, of every asset that there is or that
    a job asked for: by asset and day. With `variable`, only what was loaded of it counts.
    """
    span = {"first": first_day, "last": last_day}
    edges = {"start": local_midnight(first_day, zone), "end": local_midnight(last_day + _DAY, zone)}
    values = {**span, **edges, "zone": zone.key, "variable": variable}
    loaded = {(row.asset, row.day): row for row in target.rows(_LOADED, values)}
    jobs = target.rows(_JOBS, span)
    assets = {row.asset for row in target.rows(_ASSETS)} | {asset for asset, _ in loaded}
    assets |= {asset for row in jobs for asset in row.assets}
    days = list(_days(first_day, last_day))
    asked = _newest(jobs, assets, days)
    states = _states(target, set(asked.values()))
    lengths = {day: _length(day, zone) for day in days}
    return [
        _told((asset, day), loaded.get((asset, day)), lengths[day], asked.get((asset, day)), states)
        for asset in sorted(assets)
        for day in days
    ]


def _told(
    cell: Cell, found: Row[Any] | None, length: timedelta, job: int | None, states: dict[int, str]
) -> DayCoverage:
    share = min(1.0, found.present / found.expected) if found and found.expected else None
    return DayCoverage(
        *cell,
        state=_state(found, length),
        coverage=share,
        windows=found.windows if found else 0,
        job=job,
        job_state=states.get(job) if job else None,
    )


def _state(found: Row[Any] | None, length: timedelta) -> State:
    """`none` also where the source had no sample: a day is not there because it was looked for."""
    if found is None or not found.present:
        return "none"
    whole = found.covered_s >= length.total_seconds() and found.present >= found.expected
    return "complete" if whole else "partial"


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
    return {row.id: row.state for row in target.rows(_STATES, {"ids": sorted(ids)})}


def _days(first: date, last: date) -> Iterator[date]:
    return (first + n * _DAY for n in range((last - first).days + 1))


def _length(day: date, zone: ZoneInfo) -> timedelta:
    """24 hours, but where clocks change."""
    begin: datetime = local_midnight(day, zone)
    return local_midnight(day + _DAY, zone) - begin
