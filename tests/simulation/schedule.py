"""One schedule: jobs, people and faults at random moments, all from a seed; then the oracle."""

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from shared.errors import Conflict
from tests.simulation.ledger import Database, Record
from tests.simulation.redis_server import Stream
from tests.simulation.source import ASSETS, FIRST_DAY, fingerprints, start_of, version_of
from tests.simulation.system import LEASE_S, STREAMS, Simulator, System

DAYS = 2
FAULTS_WITHIN_S, END_WITHIN_S = 8.0, 120.0
MAX_ACTIONS, MAX_FIRST_JOBS = 6, 3
FOR_EVER_S, OPEN_TRANSACTION, WITHIN_S = 1e6, 0.6, 2.0
LOSSES = {"flush", "lose_stream", "remove_consumer", "restore", "clock_back", "lose_entry"}
"""What makes the sweeper publish jobs again. Without these it must have nothing to do."""


class Violation(BaseException):
    """The result is not what it has to be. No `except Exception` of the services hides it."""


class Schedule:
    """Draws what happens from the seed, and runs it."""

    def __init__(self, simulator: Simulator, seed: int) -> None:
        self._seed = seed
        self.system = System(seed, chunk_slices=(1, 4)[seed % 2])
        simulator.system = self.system
        self._rng = self.system.rng
        self._dump: Database | None = None
        self.happened: list[str] = []
        self.system.database.on_load = self._require_new

    def __str__(self) -> str:
        return f"seed {self._seed}: {', '.join(self.happened)}"

    def run(self) -> None:
        """Run it to its end; raises `Violation`."""
        try:
            self._run()
        finally:
            self.system.world.close()

    def _run(self) -> None:
        system = self.system
        system.start_all()
        for _ in range(self._rng.randint(1, MAX_FIRST_JOBS)):
            self._accept()
            system.source.version += 1
        actions = self._draw()
        for at, act in actions:
            self._advance(at)
            act()
            self.happened.append(act.__name__.strip("_"))
        self._heal()
        if not system.world.run(self._has_ended, within_s=END_WITHIN_S):
            raise Violation(f"the jobs do not end: {self._states()}")
        self._check()

    def _draw(self) -> list[tuple[float, Callable[[], None]]]:
        """The actions and their moments. A job is more often changed than Redis is lost."""
        people = [self._accept, self._change, self._cancel, self._retry, self._correct]
        faults = [
            self._kill, self._lose_host, self._freeze, self._terminate, self._cut, self._flush,
            self._lose_stream, self._lose_group, self._lose_entry, self._remove_consumer,
            self._double, self._clock_back, self._restore, self._source_down, self._refuse,
        ]  # fmt: skip
        count = self._rng.randint(1, MAX_ACTIONS)
        chosen = [self._rng.choice(self._rng.choice((people, faults))) for _ in range(count)]
        moments = sorted(self._rng.random() ** 2 * FAULTS_WITHIN_S for _ in chosen)
        return list(zip(moments, chosen, strict=True))

    def _advance(self, until: float) -> None:
        world = self.system.world
        world.run(lambda: world.now >= until, within_s=max(0.0, until - world.now))

    # -- people

    def _accept(self) -> None:
        first = self._rng.randrange(DAYS)
        last = self._rng.randrange(first, DAYS)
        self.system.accept(FIRST_DAY + timedelta(days=first), FIRST_DAY + timedelta(days=last))

    def _change(self) -> None:
        self.system.source.version += 1

    def _cancel(self) -> None:
        self._with_job(self.system.ledger.cancel)

    def _retry(self) -> None:
        if job := self._with_job(self.system.ledger.retry):
            self.system.publish(job)

    def _correct(self) -> None:
        """Cancel a job, correct the source, and retry the job."""
        if job := self._with_job(self.system.ledger.cancel):
            self._change()
            self.system.ledger.retry(job)
            self.system.publish(job)

    def _with_job(self, change: Callable[[int], object]) -> int | None:
        if not (jobs := sorted(self.system.database.jobs)):
            return None
        job = self._rng.choice(jobs)
        try:
            change(job)
        except Conflict:
            return None
        return job

    # -- faults

    def _victim(self) -> int:
        """A service, by its position; a fault does most harm in the middle of a transaction."""
        system = self.system
        if self._rng.random() < OPEN_TRANSACTION:
            system.world.run(lambda: bool(system.database.sessions), within_s=WITHIN_S)
        busy = {session.process for session in system.database.sessions}
        positions = [n for n, service in enumerate(system.services) if service in busy]
        if not positions:
            return self._rng.randrange(len(system.services))
        return self._rng.choice(positions)

    def _kill(self) -> None:
        self._replace(self._victim(), ends_sessions=True)

    def _lose_host(self) -> None:
        """The server does not notice that the client is gone."""
        self._replace(self._victim(), ends_sessions=False)

    def _replace(self, position: int, *, ends_sessions: bool) -> None:
        system = self.system
        service = system.services[position]
        system.world.kill(service)
        if ends_sessions:
            for session in [s for s in system.database.sessions if s.process is service]:
                session.end()
        system.services[position] = system.start(service.name)

    def _freeze(self) -> None:
        service = self.system.services[self._victim()]
        self.system.world.freeze(service, self._rng.choice((1.0, 2 * LEASE_S, FOR_EVER_S)))

    def _terminate(self) -> None:
        position = self._rng.randrange(len(self.system.services))
        service = self.system.services[position]
        service.stop.set()
        self.system.services[position] = self.system.start(service.name)

    def _cut(self) -> None:
        self.system.faults.failing = self._rng.choice((0.02, 0.3))

    def _flush(self) -> None:
        self.system.redis.flush()

    def _lose_stream(self) -> None:
        self.system.redis.streams.pop(
            self._rng.choice((STREAMS.jobs, STREAMS.raw, STREAMS.stats)), None
        )

    def _lose_group(self) -> None:
        for stream in self.system.redis.streams.values():
            stream.groups.clear()

    def _stream(self) -> tuple[str, Stream] | None:
        streams = self.system.redis.streams
        names = [n for n in (STREAMS.jobs, STREAMS.raw, STREAMS.stats)
                 if n in streams and streams[n].entries]  # fmt: skip
        if not names:
            return None
        name = self._rng.choice(names)
        return name, streams[name]

    def _lose_entry(self) -> None:
        if found := self._stream():
            entries = found[1].entries
            del entries[self._rng.choice(list(entries))]

    def _double(self) -> None:
        if found := self._stream():
            name, stream = found
            self.system.redis.xadd(name, stream.entries[self._rng.choice(list(stream.entries))])

    def _remove_consumer(self) -> None:
        """As a runbook says: XGROUP DELCONSUMER of one that is thought to be lost."""
        for name, stream in sorted(self.system.redis.streams.items()):
            for group, of in stream.groups.items():
                if of.pending:
                    holder = self._rng.choice([p.consumer for p in of.pending.values()])
                    self.system.redis.xgroup_delconsumer(name, group, holder)
                    return

    def _clock_back(self) -> None:
        self.system.clock_offset_ms -= 7_200_000

    def _restore(self) -> None:
        """A dump, or the restore of the dump before. The source goes on meanwhile."""
        database = self.system.database
        if self._dump is None:
            self._dump = database.dump()
            return
        database.restore(copy.deepcopy(self._dump))
        self.system.source.version += 1

    def _source_down(self) -> None:
        self.system.source.is_down = True

    def _refuse(self) -> None:
        self.system.source.refused += 1

    def _heal(self) -> None:
        """The faults end; whoever is frozen for ever is replaced."""
        system = self.system
        system.faults.failing, system.source.is_down, system.source.refused = 0.0, False, 0
        for position, service in enumerate(system.services):
            if service.frozen_until > system.world.now + END_WITHIN_S:
                self._replace(position, ends_sessions=False)

    # -- the oracle

    def _states(self) -> dict[int, str]:
        return {number: job.state for number, job in self.system.database.jobs.items()}

    def _has_ended(self) -> bool:
        redis = self.system.redis
        return {"queued", "running"}.isdisjoint(self._states().values()) and not any(
            redis.xlen(stream) for stream in (STREAMS.jobs, STREAMS.raw, STREAMS.stats)
        )

    def _check(self) -> None:
        system = self.system
        if letters := system.redis.xrange(STREAMS.dead):
            raise Violation(f"dead letters: {[f[b'dead_error'] for _, f in letters]}")
        if system.ledger.republications and LOSSES.isdisjoint(self.happened):
            raise Violation("the sweeper published a job that was not lost")
        for asset in ASSETS:
            for day in range(DAYS):
                self._check_cell(asset, day)

    def _check_cell(self, asset: str, day: int) -> None:
        """The cell has what its newest loaded job loaded, and that is new enough."""
        system, start = self.system, start_of(FIRST_DAY + timedelta(days=day))
        found = self._standing(asset, start)
        newest = newest_job(system.database, asset, start)
        if newest is None:
            if found is not None:
                raise Violation(f"{asset}, day {day} has {found}, and no job has loaded it")
            return
        number, loaded = newest
        if found is None or fingerprints(asset, start, int(found)) != loaded:
            raise Violation(f"{asset}, day {day} has {found}, not what job {number} has loaded")

    def _require_new(self, job: Record, row: dict[str, Any]) -> None:
        """What a job loads must not be older than its attempt, and the job not be cancelled."""
        start, loaded = datetime.fromisoformat(row["start"]), tuple(row["fingerprints"])
        version = version_of(row["asset"], start, loaded, self.system.source.version)
        if version < job.since:
            raise Violation(f"version {version} is loaded for an attempt since {job.since}")
        if job.is_cancelled:
            raise Violation("a slice of a cancelled job is committed")

    def _standing(self, asset: str, start: datetime) -> float | None:
        for key, id in self.system.database.signals.items():
            if key.asset == asset:
                stamp = np.datetime64(start.replace(tzinfo=None), "us").item()
                return self.system.database.data.get((id, stamp))
        return None


def newest_job(
    database: Database, asset: str, start: datetime
) -> tuple[int, tuple[str, ...]] | None:
    """The newest job that has loaded the cell, and the fingerprints that it had."""
    for number in sorted(database.jobs, reverse=True):
        for mark in database.jobs[number].marks.values():
            if (mark.slice.asset, mark.slice.start) == (asset, start) and mark.fingerprints:
                return number, mark.fingerprints
    return None


def is_wrong(simulator: Simulator, seed: int) -> bool:
    """Whether the schedule of this seed finds something."""
    try:
        Schedule(simulator, seed).run()
    except Violation:
        return True
    return False
