"""The jobs that have not ended: their progress, and how often they were published again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from shared.domain.job import ACTIVE_STATES, State
from shared.postgres.engines import postgres_errors
from shared.postgres.transaction import single_statement

MAX_OPEN_JOBS = 50_000
"""Jobs behind these are looked at when older ones have ended."""

_PROGRESS = text("""
    SELECT id, (SELECT CAST(etl.ledger_identity() AS text)) AS ledger, attempt, state, published,
           loaded, progressed_at, republished
    FROM etl.job_status WHERE done_at IS NULL AND state = ANY(:states) ORDER BY id LIMIT :limit
""")

_COUNT = text("""
    UPDATE etl.job SET republished = republished + 1
    WHERE id = :id AND attempt = :attempt AND republished = :republished
""")

_LAST_LOAD = text("SELECT max(loaded_at) FROM etl.slice WHERE job_id = :id")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is; the fields have the order of the query. Two that are equal mean no progress
    in between. `progressed_at` is compared for equality only: the clock of PostgreSQL may go back.
    """

    ledger: str
    attempt: int
    state: State
    published: int
    loaded: int
    progressed_at: datetime | None
    republished: int


class OpenJobs:
    """Reads `etl.job` for the sweeper; each method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def progress(self) -> dict[int, Progress]:
        """The progress of the oldest `MAX_OPEN_JOBS` open jobs, by id."""
        values = {"states": list(ACTIVE_STATES), "limit": MAX_OPEN_JOBS}
        with self._statements() as connection:
            rows = connection.execute(_PROGRESS, values)
            return {id: Progress(*values) for id, *values in rows}

    def count_republication(self, id: int, progress: Progress) -> None:
        """Record that the job was published again. If several sweepers found the same progress, the
        first one counts.
        """
        values = {"id": id, "attempt": progress.attempt, "republished": progress.republished}
        with self._statements() as connection:
            connection.execute(_COUNT, values)

    def last_load(self, id: int) -> datetime | None:
        """When a slice of the job was last loaded; None if none is."""
        with self._statements() as connection:
            at: datetime | None = connection.execute(_LAST_LOAD, {"id": id}).scalar_one()
            return at

    @contextmanager
    def _statements(self) -> Iterator[Connection]:
        with postgres_errors(), single_statement(self._engine) as connection:
            yield connection
