"""The ledger in memory: the methods of `shared.ledger.ledger.Ledger`, each one a transaction."""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from shared.domain.job import ACTIVE_STATES, RETRYABLE_STATES, Job, State
from shared.domain.ledger_identity import LedgerIdentity
from shared.domain.slices import Identity, Slice
from shared.domain.spec import StatisticsSpec
from shared.errors import Conflict, NotFound, Unavailable
from shared.ledger.open_jobs import Progress
from tests.simulation.world import Process, World

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = "00000000-0000-0000-0000-000000000000"
Key = tuple[int, datetime]


@dataclass(slots=True)
class Mark:
    """A slice of a job in the ledger; `fingerprints` once it is loaded."""

    slice: Slice
    fingerprints: tuple[str, ...] | None = None


@dataclass(slots=True)
class Record:
    """A job. `since` is the version of the source when it was accepted or retried, and `uid` is
    never given twice, which the code cannot see.
    """

    uid: int
    days: tuple[date, date]
    spec: StatisticsSpec
    since: int
    attempt: int = 1
    assets: tuple[str, ...] | None = None
    total: int | None = None
    published: int = 0
    is_cancelled: bool = False
    reason: str | None = None
    last_letter: str | None = None
    republished: int = 0
    marks: dict[Identity, Mark] = field(default_factory=dict)

    @property
    def loaded(self) -> int:
        return sum(mark.fingerprints is not None for mark in self.marks.values())

    @property
    def state(self) -> State:
        if self.total is not None and self.loaded == self.total:
            return "done"
        if self.is_cancelled:
            return "cancelled"
        if self.reason is not None:
            return "failed"
        return "queued" if self.assets is None else "running"


@dataclass(slots=True)
class Database:
    """What is committed: jobs by number, values by signal and timestamp; and the locks."""

    jobs: dict[int, Record] = field(default_factory=dict)
    data: dict[Key, float] = field(default_factory=dict)
    signals: dict[Any, int] = field(default_factory=dict)
    identity: int = 1
    uids: int = 0
    locks: dict[int, "Session"] = field(default_factory=dict)
    sessions: list["Session"] = field(default_factory=list)
    on_load: Callable[["Record", dict[str, Any]], None] = lambda *_: None
    """Called before a slice is marked as loaded."""

    @property
    def ledger(self) -> str:
        return str(uuid.UUID(int=self.identity))

    def dump(self) -> "Database":
        """A copy without sessions."""
        jobs = {n: replace(j, marks={k: replace(m) for k, m in j.marks.items()})
                for n, j in self.jobs.items()}  # fmt: skip
        return Database(jobs, dict(self.data), dict(self.signals), self.identity, self.uids)

    def restore(self, dump: "Database") -> None:
        """All sessions end; what was committed since the dump is lost."""
        for session in list(self.sessions):
            session.end()
        self.jobs, self.data, self.signals = dump.jobs, dump.data, dump.signals
        self.identity += 1


class Session:
    """A transaction of a loader, which holds locks until it ends."""

    def __init__(self, database: Database, process: Process) -> None:
        self.database, self.process, self.is_open = database, process, True
        self.used_at = 0.0
        database.sessions.append(self)

    def require_open(self) -> None:
        """Raise `Unavailable` if the server has ended the session."""
        if not self.is_open:
            raise Unavailable("PostgreSQL: the connection is closed")

    def end(self) -> None:
        """Release all locks."""
        self.is_open = False
        locks = self.database.locks
        for key in [key for key, holder in locks.items() if holder is self]:
            del locks[key]
        if self in self.database.sessions:
            self.database.sessions.remove(self)


class SimulatedLedger:
    """The methods that the extractor uses. Each is an I/O, then a transaction."""

    def __init__(self, world: World, database: Database, source: Any) -> None:
        self._world, self._database, self._source = world, database, source
        self.republications = 0

    def add(self, request: Any, *, spec: StatisticsSpec, **_: Any) -> tuple[Job, bool]:
        self._world.io()
        database = self._database
        number = max(database.jobs, default=0) + 1
        database.uids += 1
        database.jobs[number] = Record(
            database.uids, (request.first, request.last), spec, self._source.version
        )
        return self._job(number), True

    def job(self, id: int) -> Job:
        self._world.io()
        return self._job(id)

    def by_ids(self, ids: Collection[int]) -> list[Job]:
        self._world.io()
        return [self._job(id) for id in sorted(ids) if id in self._database.jobs]

    def progress(self) -> dict[int, Progress]:
        """As `shared.ledger.open_jobs.OpenJobs`."""
        self._world.io()
        return {
            number: Progress(
                self._database.ledger, job.attempt, job.state, job.published, job.loaded, None,
                job.republished,
            )
            for number, job in self._database.jobs.items()
            if job.state in ACTIVE_STATES
        }  # fmt: skip

    def count_republication(self, id: int, progress: Progress) -> None:
        """As `shared.ledger.open_jobs.OpenJobs`."""
        self._world.io()
        if (job := self._database.jobs.get(id)) and job.republished == progress.republished:
            job.republished += 1
            self.republications += 1

    def last_load(self, id: int) -> datetime | None:
        """As `shared.ledger.open_jobs.OpenJobs`."""
        self._world.io()
        return None

    def identity(self) -> LedgerIdentity:
        self._world.io()
        return LedgerIdentity(SCHEMA, self._database.ledger)

    def mark_started(self, id: int, *, assets: Sequence[str], slices_total: int) -> Job:
        self._world.io()
        record = self._record(id)
        if record.assets is None and not record.is_cancelled:
            record.assets, record.total = tuple(assets), slices_total
        return self._job(id)

    def loaded_assets(self, job: Job) -> list[str]:
        self._world.io()
        return []

    def loaded_slices(self, job: int, slices: Sequence[Slice]) -> set[Identity]:
        self._world.io()
        marks = self._record(job).marks
        loaded = {identity for identity, mark in marks.items() if mark.fingerprints}
        return {s.identity for s in slices} & loaded

    def mark_published(self, slices: Sequence[Slice]) -> None:
        self._world.io()
        if record := self._database.jobs.get(slices[0].job):
            for slice_ in slices:
                record.marks.setdefault(slice_.identity, Mark(slice_))
            record.published = len(record.marks)

    def fail(self, id: int, *, reason: str, error: str, attempt: int | None = None) -> Job:
        self._world.io()
        record = self._record(id)
        if record.reason is None and not record.is_cancelled and attempt in (None, record.attempt):
            record.reason = reason
        return self._job(id)

    def fail_for_dead_letter(
        self, id: int, *, letter: str, reason: str, error: str, attempt: int | None = None,
        ledger: str | None = None,
    ) -> Job:  # fmt: skip
        self._world.io()
        record = self._record(id)
        is_new = record.last_letter != letter and ledger in (None, self._database.ledger)
        if is_new and attempt in (None, record.attempt):
            record.last_letter = letter
            record.reason = record.reason or reason
        return self._job(id)

    def cancel(self, id: int) -> Job:
        self._world.io()
        record = self._require(id, ACTIVE_STATES)
        record.is_cancelled = True
        return self._job(id)

    def retry(self, id: int) -> Job:
        self._world.io()
        record = self._require(id, RETRYABLE_STATES)
        record.attempt += 1
        record.is_cancelled, record.reason, record.since = False, None, self._source.version
        return self._job(id)

    def _require(self, id: int, states: Sequence[State]) -> Record:
        record = self._record(id)
        if record.state not in states:
            raise Conflict(f"job {id} is {record.state}")
        return record

    def _record(self, id: int) -> Record:
        if id not in self._database.jobs:
            raise NotFound(f"there is no job {id}")
        return self._database.jobs[id]

    def _job(self, id: int) -> Job:
        record = self._record(id)
        has_progress = EPOCH if record.marks else None
        return Job(
            id=id, state=record.state, first_day=record.days[0], last_day=record.days[1],
            timezone="UTC", variables=("power",), asset_count=0, first_assets=(),
            spec=record.spec, only_changed=False, trace="", created_at=EPOCH,
            started_at=None if record.assets is None else EPOCH, progressed_at=has_progress,
            slices_total=record.total, published=record.published, loaded=record.loaded,
            superseded=0, unchanged=0, rows=0, windows=0, present=0, expected=0, extract_ms=0.0,
            aggregate_ms=0.0, load_ms=0.0, reason=record.reason, error=None,
            attempt=record.attempt, republished=record.republished, pruned_at=None,
            assets=record.assets or (), ledger=self._database.ledger,
        )  # fmt: skip
