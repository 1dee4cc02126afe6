"""The changes of jobs, for all open event streams of this process: one poller reads the ledger."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field, replace

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine

from shared.domain.job import Job
from shared.domain.waiting import Waiting
from shared.errors import NotFound, Unavailable
from shared.ledger import job_versions
from shared.ledger.ledger import Ledger
from shared.streams.job_waits import JobWaits

POLL_S = 0.1
WAITS_POLL_S = 5.0
"""What a job waits for changes less often, and the figures in it change all the time."""
MAX_DURATION_S = 3600.0
MAX_OPEN = 200
"""Streams of this process. Each of them keeps a connection."""


@dataclass(slots=True, eq=False)
class _Stream:
    """One open stream: its job as last read, the version of that row, what the job waits for, and
    the error that ends the stream.
    """

    job: Job
    waiting: Waiting | None
    version: str | None = ""
    read_at: float = field(default_factory=time.monotonic)
    error: Exception | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def update(self, job: Job | None, version: str | None) -> None:
        self.version = version
        if job is None:
            self.end(NotFound(f"there is no job {self.job.id}"))
            return
        if job != self.job:
            self.changed.set()
        self.job, self.read_at = job, time.monotonic()

    def end(self, error: Exception) -> None:
        self.error = error
        self.changed.set()

    def job_now(self) -> Job:
        """The job, which has not changed since it was read."""
        idle_s = self.job.idle_s + time.monotonic() - self.read_at
        return replace(self.job, idle_s=idle_s)


class JobEvents:
    """Follows jobs while somebody wants to know. All methods run in one event loop."""

    def __init__(self, engine: Engine, waits: JobWaits, *, max_open: int = MAX_OPEN) -> None:
        self._engine, self._ledger, self._waits = engine, Ledger(engine), waits
        self._max_open = max_open
        self._streams: set[_Stream] = set()
        self._poller: asyncio.Task[None] | None = None

    def require_room(self) -> None:
        """Raise `Unavailable` if too many streams are open."""
        if len(self._streams) >= self._max_open:
            raise Unavailable(f"{self._max_open} event streams are open; more are not allowed")

    async def follow(self, job: Job) -> AsyncIterator[tuple[Job, Waiting | None]]:
        """The job now and what it waits for, and again after each change, until the job has ended
        or `MAX_DURATION_S` is over. A slow reader gets only the newest state. Raises `Unavailable`
        if the ledger is.
        """
        deadline = time.monotonic() + MAX_DURATION_S
        stream = _Stream(job, await run_in_threadpool(self._waits.of, job))
        self._streams.add(stream)
        try:
            while True:
                stream.changed.clear()
                yield stream.job, stream.waiting
                if stream.job.is_ended:
                    return
                self._start_poller()
                await asyncio.wait_for(stream.changed.wait(), deadline - time.monotonic())
                if stream.error:
                    raise stream.error
        except TimeoutError:
            return
        finally:
            self._streams.discard(stream)

    def _start_poller(self) -> None:
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())

    async def _poll(self) -> None:
        """Read what has changed until no stream is open."""
        waits_at = 0.0
        while self._streams:
            try:
                await self._read_jobs()
                if time.monotonic() >= waits_at:
                    await self._read_waits()
                    waits_at = time.monotonic() + WAITS_POLL_S
            except Exception as error:  # noqa: BLE001 - no stream may stay open without a poller
                for stream in self._streams:
                    stream.end(error)
                return
            await asyncio.sleep(POLL_S)

    async def _read_jobs(self) -> None:
        """Read the versions of all followed jobs, and those jobs that have another version."""
        ids = {stream.job.id for stream in self._streams}
        versions = await run_in_threadpool(job_versions.read, self._engine, ids)
        late = [s for s in self._streams if s.version != versions.get(s.job.id)]
        if late:
            changed = await run_in_threadpool(self._ledger.by_ids, {s.job.id for s in late})
            jobs = {job.id: job for job in changed}
            for stream in late:
                stream.update(jobs.get(stream.job.id), versions.get(stream.job.id))

    async def _read_waits(self) -> None:
        """Ask why the followed jobs do not move: each job once, for all its streams."""
        jobs = {stream.job.id: stream.job_now() for stream in self._streams}
        waits = await run_in_threadpool(self._reasons, jobs.values())
        for stream in self._streams:
            waiting = waits.get(stream.job.id, stream.waiting)
            if waiting != stream.waiting:
                stream.waiting = waiting
                stream.changed.set()

    def _reasons(self, jobs: Collection[Job]) -> dict[int, Waiting | None]:
        return {job.id: self._waits.of(job) for job in jobs}
