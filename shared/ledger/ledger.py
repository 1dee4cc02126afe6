"""The ledger: all jobs, and which of their slices are loaded into the target.

PostgreSQL is authoritative. If the streams lose an entry, the ledger shows its slices as missing.
"""

import hashlib
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, TextClause, text

from shared.clients.connector import DayFingerprints
from shared.domain.actor import Actor
from shared.domain.job import ACTIVE_STATES, RETRYABLE_STATES, Job, JobSummary, State
from shared.domain.job_request import JobRequest
from shared.domain.ledger_identity import LedgerIdentity
from shared.domain.local_time import local_midnight
from shared.domain.slices import Identity, Slice
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import ONE_DAY
from shared.errors import Conflict, NotFound
from shared.ledger import job_statements, publish_marks, unchanged
from shared.postgres.encoding import storable
from shared.postgres.engines import postgres_errors
from shared.postgres.transaction import single_statement

MAX_DEAD_LETTERS = 100
"""A job remembers so many of the dead letters that were counted."""


class Ledger:
    """Reads and writes `etl.job` and `etl.slice`; each method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        request: JobRequest,
        *,
        by: Actor,
        variables: Sequence[str] | None = None,
        spec: StatisticsSpec,
        timezone: str,
        trace: str,
        key: str | None = None,
    ) -> tuple[Job, bool]:
        """Enter a job for these variables, by default those that the request names; return it and
        whether it is new. If an earlier job has the same idempotency key, return that job, or raise
        `Conflict` if its request was another. The audit log records who asked for a new job.
        """
        body_hash = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
        values = {
            "key": key,
            "body_hash": body_hash,
            "first_day": request.first,
            "last_day": request.last,
            "timezone": timezone,
            "variables": list(request.variables if variables is None else variables),
            "assets": list(request.assets),
            "spec": spec.model_dump_json(),
            "only_changed": request.only == "changed",
            "trace": trace,
            **asdict(by),
        }
        with self._statements() as connection:
            if new := connection.execute(job_statements.ADD, values).one_or_none():
                return Job.from_row(new), True
            old = connection.execute(
                text("SELECT id, body_hash FROM etl.job WHERE idempotency_key = :key"), {"key": key}
            ).one()
            if old.body_hash != body_hash:
                raise Conflict(f"job {old.id} has this idempotency key and another request")
            return _read(connection, old.id), False

    def job(self, id: int) -> Job:
        """One job; raises `NotFound` if it does not exist."""
        with self._statements() as connection:
            return _read(connection, id)

    def jobs(
        self, *, state: State | None = None, before: int | None = None, limit: int
    ) -> list[JobSummary]:
        """The newest jobs first; optionally only those of a state, or with ids below `before`."""
        with self._statements() as connection:
            rows = connection.execute(
                text(
                    f"SELECT {JobSummary.columns()} FROM etl.job_status "  # noqa: S608 - our names
                    "WHERE (CAST(:state AS text) IS NULL OR state = :state) "
                    "AND (CAST(:before AS bigint) IS NULL OR id < :before) "
                    "ORDER BY id DESC LIMIT :limit"
                ),
                {"state": state, "before": before, "limit": limit},
            )
            return [JobSummary.from_row(row) for row in rows]

    def by_ids(self, ids: Collection[int]) -> list[Job]:
        """The jobs with these ids, ordered by id."""
        with self._statements() as connection:
            rows = connection.execute(
                text(
                    f"SELECT {Job.columns()} FROM etl.job_status "  # noqa: S608 - our own names
                    "WHERE id = ANY(:ids) ORDER BY id"
                ),
                {"ids": list(ids)},
            )
            return [Job.from_row(row) for row in rows]

    def mark_started(self, id: int, *, assets: Sequence[str], slices_total: int) -> Job:
        """Record the assets and the number of slices of the job; without slices it is done. Only
        the first call counts, and none after a cancellation. It waits for no disk:
        docs/decisions/0015.
        """
        return self._change(
            id,
            "started_at = now(), assets = :assets, slices_total = :total, "
            "done_at = CASE WHEN :total = 0 THEN now() END "
            "FROM (SELECT set_config('synchronous_commit', 'off', true)) durability "
            "WHERE id = :id AND started_at IS NULL AND cancelled_at IS NULL",
            assets=list(assets),
            total=slices_total,
        )

    def loaded_assets(self, job: Job) -> list[str]:
        """The named assets for which windows are loaded on days of the job."""
        zone = ZoneInfo(job.timezone)
        days = {
            "start": local_midnight(job.first_day, zone),
            "end": local_midnight(job.last_day + ONE_DAY, zone),
        }
        with self._statements() as connection:
            rows = connection.scalars(
                text(
                    "SELECT DISTINCT asset FROM etl.slice WHERE loaded_at IS NOT NULL "
                    "AND asset <> '' AND windows > 0 AND start >= :start AND start < :end"
                ),
                days,
            )
            return list(rows)

    def fail(self, id: int, *, reason: str, error: str, attempt: int | None = None) -> Job:
        """Mark the job as failed. The first reason is kept. A failure of another attempt than the
        newest one is ignored.
        """
        return self._change(
            id,
            "failed_at = now(), reason = :reason, error = :error "
            "WHERE id = :id AND failed_at IS NULL AND cancelled_at IS NULL "
            "AND attempt = coalesce(CAST(:attempt AS bigint), attempt)",
            reason=reason,
            error=error,
            attempt=attempt,
        )

    def fail_for_dead_letter(
        self,
        id: int,
        *,
        letter: str,
        reason: str,
        error: str,
        attempt: int | None = None,
        ledger: str | None = None,
    ) -> Job:
        """Mark the job as failed because of a dead letter of its newest attempt and of this ledger.
        Each letter counts once: a new consumer group reads all letters again, and the job may have
        been reopened meanwhile. Ids are not compared as numbers: the clock of Redis may go back.
        """
        return self._change(
            id,
            "dead_letters = (dead_letters || CAST(:letter AS text))"
            f"[greatest(1, cardinality(dead_letters) + 2 - {MAX_DEAD_LETTERS}):], "
            "failed_at = coalesce(failed_at, now()), reason = coalesce(reason, :reason), "
            "error = coalesce(error, :error) "
            "WHERE id = :id AND :letter <> ALL(dead_letters) "
            "AND attempt = coalesce(CAST(:attempt AS bigint), attempt) "
            "AND coalesce(:ledger, CAST(etl.ledger_identity() AS text)) "
            "= CAST(etl.ledger_identity() AS text)",
            ledger=ledger,
            letter=letter,
            reason=reason,
            error=error,
            attempt=attempt,
        )

    def cancel(self, id: int, *, by: Actor) -> Job:
        """Cancel a job; raises `Conflict` if it has ended. Nothing of the job is committed after
        that: `shared.ledger.load_marks`.
        """
        return self._change_state(id, job_statements.CANCEL, ACTIVE_STATES, **asdict(by))

    def retry(self, id: int, *, by: Actor, trace: str | None = None) -> Job:
        """Start a new attempt at a failed or cancelled job. It keeps its id and what it has loaded;
        raises `Conflict` in other states, and if a newer job has loaded all that it would load. The
        attempt has a trace of its own.
        """
        with self._statements() as connection:
            if newer := connection.scalar(job_statements.SUPERSEDED_BY, {"id": id}):
                raise Conflict(
                    f"job {newer} is newer and has loaded all that job {id} would load: "
                    "start a new job instead"
                )
        values = {**asdict(by), "trace": trace or uuid.uuid4().hex}
        return self._change_state(id, job_statements.RETRY, RETRYABLE_STATES, **values)

    def reopen(self, id: int) -> Job:
        """Continue the last attempt at a failed or cancelled job, after a replay; raises `Conflict`
        in other states. The audit log has the replay.
        """
        return self._change_state(id, job_statements.REOPEN, RETRYABLE_STATES)

    def loaded_slices(self, job: int, slices: Sequence[Slice]) -> set[tuple[int, str, datetime]]:
        """The identities of those slices that are loaded."""
        with self._statements() as connection:
            rows = connection.execute(
                text(
                    "SELECT s.job_id, s.asset, s.start FROM etl.slice s "
                    "JOIN unnest(CAST(:assets AS text[]), CAST(:starts AS timestamptz[])) "
                    "AS w(asset, start) USING (asset, start) "
                    "WHERE s.job_id = :job AND s.loaded_at IS NOT NULL"
                ),
                {
                    "job": job,
                    "assets": [s.asset for s in slices],
                    "starts": [s.start for s in slices],
                },
            )
            return {(row.job_id, row.asset, row.start) for row in rows}

    def mark_published(self, slices: Sequence[Slice]) -> None:
        """Record that these slices of one job were published, in one statement. All writers write
        in the order of the key, so they cannot deadlock.
        """
        with self._statements() as connection:
            publish_marks.mark_published(connection, slices)

    def mark_unchanged(
        self, slices: Sequence[Slice], source_days: Iterable[DayFingerprints], zone: ZoneInfo
    ) -> set[Identity]:
        """Mark those slices of one job as loaded that are unchanged, and return their identities:
        `shared.ledger.unchanged`.
        """
        return unchanged.mark_unchanged(self._engine, source_days, slices, zone=zone)

    def identity(self) -> LedgerIdentity:
        """The identity of this ledger: two ledgers may have jobs with the same id. Raises
        `Unavailable`.
        """
        with self._statements() as connection:
            return LedgerIdentity(*connection.execute(job_statements.IDENTITY).one())

    def check(self) -> None:
        """Raise `Unavailable` unless the ledger answers."""
        with self._statements() as connection:
            connection.execute(text("SELECT 1 FROM etl.job LIMIT 1"))

    @contextmanager
    def _statements(self) -> Iterator[Connection]:
        with postgres_errors(), single_statement(self._engine) as connection:
            yield connection

    def _change(self, id: int, change: str, **values: Any) -> Job:
        statement = text(f"UPDATE etl.job j SET {change} RETURNING {Job.returned()}")  # noqa: S608
        with self._statements() as connection:
            values = storable(connection, {"id": id, **values})
            row = connection.execute(statement, values).one_or_none()
            return Job.from_row(row) if row else _read(connection, id)

    def _change_state(
        self, id: int, statement: TextClause, allowed: tuple[State, ...], **values: Any
    ) -> Job:
        with postgres_errors(), self._engine.begin() as connection:
            connection.execute(job_statements.LOCK, {"id": id})
            job = _read(connection, id)
            if job.state not in allowed:
                raise Conflict(f"job {id} is {job.state}; it must be {' or '.join(allowed)}")
            if job.pruned_at:
                raise Conflict(f"job {id} was pruned on {job.pruned_at:%Y-%m-%d}: post a new job")
            connection.execute(statement, {"id": id, **values})
            return _read(connection, id)


def _read(connection: Connection, id: int) -> Job:
    row = connection.execute(
        text(f"SELECT {Job.columns()} FROM etl.job_status WHERE id = :id"),  # noqa: S608
        {"id": id},
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {id}")
    return Job.from_row(row)
