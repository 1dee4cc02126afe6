"""A ledger with jobs that ended long ago, and a prune of it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import redis
from sqlalchemy import Engine, text

from shared.domain.fingerprint import to_text
from shared.domain.job import Job
from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.ledger.audit_log import AuditLog
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.ledger.prune import Prune, Pruned
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import StreamNames
from tests.actors import TESTER
from tests.integration.loader import fetch

DAY = date(2025, 12, 5)
HALF_DAYS = StatisticsSpec(slice_s=12 * 3600)
AGE = timedelta(days=90)
OLD_ID = "1700000000000-0"  # of an entry of 2023


@dataclass
class PruneCase:
    """The ledger, the dead letters, and the engine of the role that prunes."""

    target: Engine
    pruner: Engine
    redis: redis.Redis
    streams: StreamNames

    def job(
        self,
        *,
        loaded: int | None = None,
        published: int = 0,
        state: str = "done",
        days_ago: int = 100,
        days: int = 1,
        variables: Sequence[str] = ("wind_speed", "power"),
        assets: Sequence[str] = ("T01",),
        spec: StatisticsSpec = HALF_DAYS,
        timezone: str = "UTC",
    ) -> Job:
        """A job that ended so long ago, with so many of its slices loaded (all by default) and so
        many more published. The fingerprint of a variable is the number of the job.
        """
        ledger = Ledger(self.target)
        request = JobRequest(start=DAY, end=DAY + timedelta(days=days - 1), variables=variables)
        job = ledger.add(request, spec=spec, timezone=timezone, trace="", by=TESTER)[0]
        spans = list(job.spans())
        job = ledger.mark_started(job.id, assets=assets, slices_total=len(assets) * len(spans))
        slices = [job.slice_of(asset, span) for asset in assets for span in spans]
        loaded = len(slices) if loaded is None else loaded
        if slices[: loaded + published]:
            ledger.mark_published(slices[: loaded + published])
        self._mark_loaded(job.id, loaded)
        if state == "failed":
            ledger.fail(job.id, reason="contract", error="")
        elif state == "cancelled":
            ledger.cancel(job.id, by=TESTER)
        make_older_job(self.target, job.id, days_ago)
        return ledger.job(job.id)

    def _mark_loaded(self, job: int, count: int) -> None:
        with self.target.begin() as connection:
            connection.execute(
                text("""
                    WITH loaded AS (
                        UPDATE etl.slice SET loaded_at = now(), windows = 1, expected = 1,
                            present = 1, rows = 1,
                            fingerprints = array_fill(CAST(:fingerprint AS text),
                                                      ARRAY[cardinality(variables)])
                        WHERE job_id = :job AND (asset, start) IN (
                            SELECT asset, start FROM etl.slice WHERE job_id = :job
                            ORDER BY asset, start LIMIT :count)
                        RETURNING job_id
                    )
                    UPDATE etl.job SET loaded = l.n, windows = l.n,
                        done_at = CASE WHEN slices_total = l.n THEN now() END
                    FROM (SELECT count(*) AS n FROM loaded) l WHERE id = :job
                """),
                {"job": job, "count": count, "fingerprint": to_text(job)},
            )

    def prune(self, **options: Any) -> Pruned:
        """Prune what is older than 90 days."""
        pruned = Pruned()
        letters = DeadLetters(self.redis, self.streams)
        actions = DeadLetterActions(letters, Ledger(self.pruner), AuditLog(self.pruner))
        for step in Prune(self.pruner, actions, **{"older_than": AGE, **options}).steps():
            pruned = step
        return pruned

    def slices(self) -> list[tuple[int, int]]:
        """The jobs that have slices, and how many each."""
        query = "SELECT job_id, count(*) FROM etl.slice GROUP BY 1 ORDER BY 1"
        return [(job, count) for job, count in fetch(self.target, query)]

    def jobs(self) -> list[int]:
        """The jobs."""
        return [id for (id,) in fetch(self.target, "SELECT id FROM etl.job ORDER BY id")]


def make_older_job(target: Engine, job: int, days: int) -> None:
    """Move all times of one job into the past."""
    columns = ("created_at", "started_at", "progressed_at", "done_at", "failed_at", "cancelled_at")
    changes = ", ".join(f"{name} = {name} - make_interval(days => :days)" for name in columns)
    with target.begin() as connection:
        connection.execute(
            text(f"UPDATE etl.job SET {changes} WHERE id = :job"), {"days": days, "job": job}
        )


def old_audit_entry(target: Engine, days: int = 100) -> None:
    """An entry of the audit log, so many days old; its actor is this number."""
    with target.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO etl.audit (at, action, actor, channel, dead_letter_id, stage, stream,
                    entry_id, reason, error, deliveries, dead_lettered_at, fields)
                VALUES (now() - make_interval(days => :days), 'drop', :days, 'cli', '1-0', '', '',
                    '', '', '', 1, '', '{}')
            """),
            {"days": days},
        )


@contextmanager
def prune_case(target: Engine, pruner: Engine, settings: RedisSettings) -> Iterator[PruneCase]:
    """A case with an empty ledger."""
    with closing(redis_client.connect(settings)) as client:
        yield PruneCase(target, pruner, client, StreamNames(settings.stream_prefix))
