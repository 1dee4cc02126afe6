"""The ledger: which jobs were asked for, and which of their slices stand in the target.

PostgreSQL is the truth: what the streams lose, the ledger shows as missing.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.postgresql import insert

from shared.domain.batches import Slice
from shared.domain.job import COLUMNS, Job, from_row
from shared.domain.job_request import JobRequest
from shared.domain.local_time import local_midnight
from shared.domain.spec import StatisticsSpec
from shared.errors import Conflict, NotFound
from shared.postgres.engines import postgres_errors
from shared.postgres.tables import job as job_table

_PUBLISHED = text("""
    INSERT INTO etl.slice
        (job_id, asset, start, "end", variables, window_s, published_at)
    SELECT :job, w.asset, w.start, w."end", CAST(:variables AS text[]), :window_s, clock_timestamp()
    FROM unnest(CAST(:assets AS text[]), CAST(:starts AS timestamptz[]),
                CAST(:ends AS timestamptz[])) AS w(asset, start, "end")
    ORDER BY w.asset, w.start
    ON CONFLICT (job_id, asset, start) DO UPDATE SET published_at = excluded.published_at
""")


class Ledger:
    """Reads and writes `etl.job` and `etl.slice`; each method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        request: JobRequest,
        *,
        spec: StatisticsSpec,
        timezone: str,
        trace: str,
        key: str | None = None,
    ) -> tuple[Job, bool]:
        """Enter a job; return it and whether it is new. With the key of an earlier job, that one
        is returned, or `Conflict` raised if it asked for something else.
        """
        asked = request.model_dump_json()
        body_hash = hashlib.sha256(asked.encode()).hexdigest()
        statement = (
            insert(job_table)
            .values(
                idempotency_key=key,
                body_hash=body_hash,
                first_day=request.first,
                last_day=request.last,
                timezone=timezone,
                variables=list(request.variables),
                assets=list(request.assets),
                spec=spec.model_dump(mode="json"),
                trace=trace,
            )
            .on_conflict_do_nothing(index_elements=["idempotency_key"])
            .returning(job_table.c.id)
        )
        with postgres_errors(), self._engine.begin() as connection:
            new = connection.execute(statement).scalar_one_or_none()
            if new is not None:
                return _read(connection, new), True
            old = connection.execute(
                text("SELECT id, body_hash FROM etl.job WHERE idempotency_key = :key"), {"key": key}
            ).one()
            if old.body_hash != body_hash:
                raise Conflict(f"job {old.id} has this idempotency key and asks for something else")
            return _read(connection, old.id), False

    def job(self, id: int) -> Job:
        """One job; `NotFound` if there is none."""
        with postgres_errors(), self._engine.connect() as connection:
            return _read(connection, id)

    def jobs(self, *, state: str | None = None, before: int | None = None, limit: int) -> list[Job]:
        """The newest jobs first, of one state if given, with numbers below `before` if given."""
        with postgres_errors(), self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    f"SELECT {COLUMNS} FROM etl.job_status "  # noqa: S608 - our own field names
                    "WHERE (CAST(:state AS text) IS NULL OR state = :state) "
                    "AND (CAST(:before AS bigint) IS NULL OR id < :before) "
                    "ORDER BY id DESC LIMIT :limit"
                ),
                {"state": state, "before": before, "limit": limit},
            )
            return [from_row(row) for row in rows]

    def by_ids(self, ids: Collection[int]) -> list[Job]:
        """The jobs with these numbers, in their order."""
        with postgres_errors(), self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    f"SELECT {COLUMNS} FROM etl.job_status "  # noqa: S608 - our own field names
                    "WHERE id = ANY(:ids) ORDER BY id"
                ),
                {"ids": list(ids)},
            )
            return [from_row(row) for row in rows]

    def mark_started(self, id: int, *, assets: Sequence[str], slices_total: int) -> Job:
        """Fix what the job consists of; the first call decides."""
        return self._change(
            id,
            "UPDATE etl.job SET started_at = now(), assets = :assets, slices_total = :total "
            "WHERE id = :id AND started_at IS NULL",
            assets=list(assets),
            total=slices_total,
        )

    def loaded_assets(self, job: Job) -> list[str]:
        """The named assets of which windows were loaded somewhere in the days of the job."""
        zone = ZoneInfo(job.timezone)
        days = {
            "start": local_midnight(job.first_day, zone),
            "end": local_midnight(job.last_day + timedelta(days=1), zone),
        }
        with postgres_errors(), self._engine.connect() as connection:
            rows = connection.scalars(
                text(
                    "SELECT DISTINCT asset FROM etl.slice WHERE loaded_at IS NOT NULL "
                    "AND asset <> '' AND windows > 0 AND start >= :start AND start < :end"
                ),
                days,
            )
            return list(rows)

    def fail(self, id: int, *, reason: str, error: str, attempt: int | None = None) -> Job:
        """Record why the job can't be finished; the first reason stays. What fails in an earlier
        attempt than the newest changes nothing.
        """
        return self._change(
            id,
            "UPDATE etl.job SET failed_at = now(), reason = :reason, error = :error "
            "WHERE id = :id AND failed_at IS NULL AND cancelled_at IS NULL "
            "AND attempt <= coalesce(CAST(:attempt AS bigint), attempt)",
            reason=reason,
            error=error,
            attempt=attempt,
        )

    def fail_for_dead_letter(
        self, id: int, *, letter: str, reason: str, error: str, attempt: int | None = None
    ) -> Job:
        """Fail the job for a dead letter. One that was counted before is not counted again: the
        job may have been taken up since, and a group that was lost reads all letters anew. Nor is
        one of an earlier attempt.
        """
        return self._change(
            id,
            "UPDATE etl.job SET last_dead_letter = :letter, "
            "failed_at = coalesce(failed_at, now()), reason = coalesce(reason, :reason), "
            "error = coalesce(error, :error) "
            "WHERE id = :id AND (last_dead_letter IS NULL OR "
            "CAST(string_to_array(last_dead_letter, '-') AS bigint[]) "
            "< CAST(string_to_array(:letter, '-') AS bigint[])) "
            "AND attempt <= coalesce(CAST(:attempt AS bigint), attempt)",
            letter=letter,
            reason=reason,
            error=error,
            attempt=attempt,
        )

    def cancel(self, id: int) -> Job:
        """Cancel a job that has not ended; `Conflict` if it has."""
        return self._change_state(
            id, "UPDATE etl.job SET cancelled_at = now() WHERE id = :id", ("queued", "running")
        )

    def retry(self, id: int) -> Job:
        """Begin a new attempt at a failed or cancelled job; what it has loaded stays, and its
        number too.
        """
        return self._open_again(id, raised=1)

    def reopen(self, id: int) -> Job:
        """Let the last attempt at a failed or cancelled job go on: what failed comes again."""
        return self._open_again(id, raised=0)

    def loaded_slices(self, job: int, slices: Sequence[Slice]) -> set[tuple[int, str, datetime]]:
        """The identities of those of the slices that stand in the target."""
        with postgres_errors(), self._engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT s.job_id, s.asset, s.start FROM etl.slice s "
                    "JOIN unnest(:assets, CAST(:starts AS timestamptz[])) AS w(asset, start) "
                    "USING (asset, start) WHERE s.job_id = :job AND s.loaded_at IS NOT NULL"
                ),
                {
                    "job": job,
                    "assets": [s.asset for s in slices],
                    "starts": [s.start for s in slices],
                },
            )
            return {(row.job_id, row.asset, row.start) for row in rows}

    def mark_published(self, slices: Sequence[Slice]) -> None:
        """Note that these slices of one job were put on the stream; in key order, so that writers
        don't block each other in a circle.
        """
        first = slices[0]
        values = {
            "job": first.job, "variables": list(first.variables), "window_s": first.spec.window_s,
            "assets": [part.asset for part in slices], "starts": [part.start for part in slices],
            "ends": [part.end for part in slices],
        }  # fmt: skip
        with postgres_errors(), self._engine.begin() as connection:
            connection.execute(_PUBLISHED, values)

    def stalled(self, *, for_s: float) -> set[int]:
        """The numbers of jobs that have not ended and have not moved for so long. What is done is
        noted first, so that only open jobs are counted from one call to the next.
        """
        with postgres_errors(), self._engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE etl.job j SET done_at = now() FROM etl.job_status s "
                    "WHERE s.id = j.id AND j.done_at IS NULL AND s.state = 'done'"
                )
            )
            rows = connection.scalars(
                text(
                    "SELECT id FROM etl.job_status "
                    "WHERE done_at IS NULL AND state IN ('queued', 'running') "
                    "AND greatest(created_at, started_at, progressed_at) "
                    "< now() - make_interval(secs => :for_s)"
                ),
                {"for_s": for_s},
            )
            return set(rows)

    def check(self) -> None:
        """Raise `Outage` unless the ledger answers."""
        with postgres_errors(), self._engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM etl.job LIMIT 1"))

    def _open_again(self, id: int, *, raised: int) -> Job:
        return self._change_state(
            id,
            "UPDATE etl.job SET failed_at = NULL, reason = NULL, error = NULL, "
            "cancelled_at = NULL, attempt = attempt + :raised WHERE id = :id",
            ("failed", "cancelled"),
            raised=raised,
        )

    def _change(self, id: int, statement: str, **values: Any) -> Job:
        with postgres_errors(), self._engine.begin() as connection:
            connection.execute(text(statement), {"id": id, **values})
            return _read(connection, id)

    def _change_state(
        self, id: int, statement: str, allowed: tuple[str, ...], **values: Any
    ) -> Job:
        with postgres_errors(), self._engine.begin() as connection:
            connection.execute(text("SELECT 1 FROM etl.job WHERE id = :id FOR UPDATE"), {"id": id})
            job = _read(connection, id)
            if job.state not in allowed:
                raise Conflict(f"job {id} is {job.state}; it has to be {' or '.join(allowed)}")
            connection.execute(text(statement), {"id": id, **values})
            return _read(connection, id)


def _read(connection: Connection, id: int) -> Job:
    row = connection.execute(
        text(f"SELECT {COLUMNS} FROM etl.job_status WHERE id = :id"),  # noqa: S608
        {"id": id},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {id}")
    return from_row(row)
