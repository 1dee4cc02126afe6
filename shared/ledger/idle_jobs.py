"""Jobs that have not ended: how old they are, and which of them make no progress and why. Ages are
computed by the clock of the target alone.
"""

from dataclasses import dataclass

from sqlalchemy import Engine, text

from shared.domain.job import ACTIVE_STATES, IDLE_S, JobSummary, State
from shared.domain.waiting import Waiting
from shared.postgres.engines import postgres_errors
from shared.postgres.transaction import single_statement
from shared.streams.job_waits import StreamSnapshot

IDLE_AFTER_S = 60.0
"""A job without progress for so long is named by `doctor`, `status` and the dashboard."""
MAX_JOBS = 1_000
"""The reasons of so many jobs are found."""

_OPEN = "etl.job_status WHERE done_at IS NULL AND state = ANY(:states)"
_IDLE = f"{_OPEN} AND {IDLE_S} > :for_s"
_MOVED = f"progressed_at IS NOT NULL AND {IDLE_S} <= :for_s"
_FIRST = text(f"SELECT {JobSummary.columns()} FROM {_IDLE} ORDER BY id LIMIT :limit")  # noqa: S608
_FIGURES = text(
    f"SELECT (SELECT count(*) FROM {_OPEN}) AS open, (SELECT count(*) FROM {_IDLE}) AS idle"  # noqa: S608
)
# A job that has just ended also progressed, but only the open ones are in an index.
_MOVES = text(
    f"SELECT EXISTS (SELECT FROM etl.job WHERE done_at IS NULL AND {_MOVED}) "  # noqa: S608
    f"OR EXISTS (SELECT FROM etl.job WHERE {_MOVED})"
)
_OLDEST = text(
    "SELECT greatest(0, extract(epoch FROM now() - min(created_at))) FROM etl.job_status "
    "WHERE done_at IS NULL AND state = :state"
)


@dataclass(frozen=True, slots=True)
class IdleJobs:
    """The open jobs that make no progress. `stalled` are the first that are a problem, of
    `stalled_all` such jobs; `queued` jobs only wait for their turn while others progress. `open`
    counts all that have not ended.
    """

    stalled: tuple[tuple[JobSummary, Waiting], ...]
    stalled_all: int
    queued: int
    open: int


def idle_jobs(engine: Engine, snapshot: StreamSnapshot, *, limit: int) -> IdleJobs:
    """The open jobs without progress for `IDLE_AFTER_S`, `limit` of the stalled ones with their
    reason.
    """
    params = {"states": list(ACTIVE_STATES), "for_s": IDLE_AFTER_S}
    with postgres_errors(), single_statement(engine) as connection:
        first = connection.execute(_FIRST, params | {"limit": MAX_JOBS})
        jobs = [JobSummary.from_row(row) for row in first]
        figures = connection.execute(_FIGURES, params).one()
        reasons = [(job, snapshot.reason(job)) for job in jobs]
        waits_for_turn = any(why.reason == "turn" for _, why in reasons)
        moves = waits_for_turn and connection.scalar(_MOVES, params)
    stalled = [(job, why) for job, why in reasons if why.reason != "turn" or not moves]
    queued = len(reasons) - len(stalled)
    return IdleJobs(tuple(stalled[:limit]), figures.idle - queued, queued, figures.open)


def oldest_s(engine: Engine, state: State) -> float:
    """The age in seconds of the oldest job in this state, never negative; 0 if there is none."""
    with postgres_errors(), single_statement(engine) as connection:
        return float(connection.scalar(_OLDEST, {"state": state}) or 0)
