"""Why an open job does not move, derived from the ledger's figures of the job, the streams, their
workers and the waits that consumers recorded.

Of several reasons the root is named: if an aggregator waits for room because the loaders wait for
the target, the job waits for the target.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import redis

from shared.domain.job import JobSummary
from shared.domain.waiting import Reason, Waiting
from shared.errors import Unavailable
from shared.streams import redis_client, waits
from shared.streams.entries import StreamNames
from shared.streams.stage_status import StageState, stages
from shared.streams.waits import BUSY, HANDLER, ROOM, WaitRecord

IDLE_AFTER_S = 5.0
"""A job that progressed within so many seconds moves."""
TURN_AFTER_S = 15.0
"""Entries may be handled for longer. A handler without progress is recorded before."""
OF_ENTRIES: Mapping[str, Reason] = {HANDLER: "handler", BUSY: "busy"}
"""Waits that concern the entries of the consumer, and no others of its stage."""
SNAPSHOT_S = 1.0
"""A snapshot of Redis serves all questions of so many seconds."""


@dataclass(frozen=True, slots=True)
class StreamSnapshot:
    """The stages in the order of the data and the recorded waits, the longest first; without Redis
    its error.
    """

    stages: tuple[StageState, ...] = ()
    records: tuple[WaitRecord, ...] = ()
    error: str | None = None

    def reason(self, job: JobSummary) -> Waiting:
        """Why this job does not move."""
        if self.error is not None:
            return Waiting(reason="redis", names={}, since=job.moved_at, error=self.error)
        if record := next((record for record in self.records if job.id in record.jobs), None):
            return self._of_record(record, job)
        places = [stage for stage in self._may_have(job) if stage.backlog]
        for stage in places:
            if root := self._of_stage(stage, job):
                return root
        if places:
            return _turn(places[0], job)
        extractor = self.stages[0]
        if not extractor.workers:
            return _no_worker(extractor, job)
        return Waiting(reason="lost", names={}, since=job.moved_at, tries=job.republished)

    def _may_have(self, job: JobSummary) -> list[StageState]:
        """The stages that may have an entry of the job, the most probable first. The ledger counts
        a slice as published a little later than its batch is on the stream.
        """
        extractor, *later = self.stages
        later.reverse()
        if job.started_at is None:
            return [extractor]
        if job.slices_total is not None and job.published >= job.slices_total:
            return later
        return [*later, extractor] if job.published > job.loaded else [extractor, *later]

    def _of_stage(self, stage: StageState, job: JobSummary) -> Waiting | None:
        """Why this stage handles no entry; None if it works."""
        if not stage.workers:
            return _no_worker(stage, job)
        of_stage = (record for record in self.records if record.stage == stage.stage)
        record = next((r for r in of_stage if r.waits_for not in OF_ENTRIES), None)
        return self._of_record(record, job) if record else None

    def stage_waits(self) -> dict[str, Waiting]:
        """The longest wait of each stage that waits."""
        return {record.stage: self._waiting(record) for record in reversed(self.records)}

    def _of_record(self, record: WaitRecord, job: JobSummary) -> Waiting:
        full = self._after(record.stage) if record.waits_for == ROOM else None
        # The stage that reads the full stream has the root of it.
        return (self._of_stage(full, job) if full else None) or self._waiting(record)

    def _waiting(self, record: WaitRecord) -> Waiting:
        if record.waits_for == ROOM and (full := self._after(record.stage)):
            return _waiting("room", record, stage=record.stage, stream=full.stream)
        if record.waits_for in OF_ENTRIES:
            return _waiting(OF_ENTRIES[record.waits_for], record, stage=record.stage)
        return _waiting("server", record, stage=record.stage, server=record.waits_for)

    def _after(self, name: str) -> StageState | None:
        names = [stage.stage for stage in self.stages]
        place = names.index(name) + 1 if name in names else len(names)
        return self.stages[place] if place < len(names) else None


def _turn(stage: StageState, job: JobSummary) -> Waiting:
    names = {
        "stream": stage.stream, "entries": str(stage.backlog), "pending": str(stage.pending),
    }  # fmt: skip
    return Waiting(reason="turn", names=names, since=job.moved_at)


def _no_worker(stage: StageState, job: JobSummary) -> Waiting:
    names = {"stage": stage.stage, "stream": stage.stream}
    return Waiting(reason="no_worker", names=names, since=job.moved_at)


def _waiting(reason: Reason, record: WaitRecord, **names: str) -> Waiting:
    return Waiting(
        reason=reason, names=names, since=datetime.fromtimestamp(record.since_ms / 1000, UTC),
        error=record.error or None, tries=record.tries,
    )  # fmt: skip


class JobWaits:
    """Answers for a service why its jobs do not move. Thread-safe."""

    def __init__(self, client: redis.Redis, streams: StreamNames) -> None:
        self._redis, self._streams = client, streams
        self._taking = threading.Lock()
        self._snapshot = StreamSnapshot()
        self._taken_at: float | None = None

    def of(self, job: JobSummary) -> Waiting | None:
        """Why the job does not move; None if it has ended or moves. Only a job that does not move
        costs a question to Redis.
        """
        if job.is_ended or job.idle_s < IDLE_AFTER_S:
            return None
        waiting = self.snapshot().reason(job)
        return None if waiting.reason == "turn" and job.idle_s < TURN_AFTER_S else waiting

    def snapshot(self) -> StreamSnapshot:
        """The pipeline at most `SNAPSHOT_S` ago. One thread asks Redis, the others take the answer
        before, so that an outage of Redis does not hold all of them.
        """
        with_wait = self._taken_at is None
        if self._is_old() and self._taking.acquire(blocking=with_wait):
            try:
                if self._is_old():
                    self._snapshot = take_snapshot(self._redis, self._streams)
                    self._taken_at = time.monotonic()
            finally:
                self._taking.release()
        return self._snapshot

    def _is_old(self) -> bool:
        return self._taken_at is None or time.monotonic() - self._taken_at > SNAPSHOT_S


def take_snapshot(client: redis.Redis, streams: StreamNames) -> StreamSnapshot:
    """The streams now."""
    try:
        redis_client.require_writable(client, streams)
        with redis_client.redis_errors():
            return StreamSnapshot(
                tuple(stages(client, streams, with_age=False)),
                tuple(waits.read(client, streams)),
                _out_of_memory(client),
            )
    except (Unavailable, redis.RedisError) as error:
        return StreamSnapshot(error=str(error))


def _out_of_memory(client: redis.Redis) -> str | None:
    """Without memory Redis refuses records of waits too."""
    try:
        memory = client.info("memory")
    except redis.ResponseError:  # it hides its figures, which was logged at the start
        return None
    used, maximum = memory["used_memory"], memory.get("maxmemory", 0)
    if not maximum or used <= maximum:
        return None
    return f"Redis is out of memory: it uses {used:,} bytes, maxmemory is {maximum:,}"
