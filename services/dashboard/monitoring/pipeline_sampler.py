"""Samples the state of the pipeline in one background thread and keeps the last 15 minutes, so that
the load on the servers does not grow with the number of open pages.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import redis

from services.dashboard.queries.target import Target
from shared.clients.connector import ConnectorClient
from shared.clients.extractor import ExtractorClient
from shared.domain.waiting import Waiting
from shared.errors import MinuanoError
from shared.ledger.idle_jobs import IdleJobs, idle_jobs
from shared.streams import redis_client, stage_status
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import StreamNames
from shared.streams.job_waits import take_snapshot
from shared.streams.stage_status import StageState

SAMPLE_EVERY_S = 2.0
HISTORY_S = 15 * 60
MAX_SNAPSHOTS = round(HISTORY_S / SAMPLE_EVERY_S)
RATE_OVER_S = 10
MAX_STALLED_JOBS = 10
"""So many are named."""

# Only jobs that made progress in the last five minutes have slices that were loaded in this time.
# Where the clock was set back, older slices have times in the future.
_LOADED = """
    SELECT count(*) FILTER (WHERE s.loaded_at > now() - make_interval(secs => :rate_over_s)) AS n,
           avg(s.rows) FILTER (WHERE s.loaded_at > now() - interval '5 minutes') AS rows
    FROM etl.job j JOIN etl.slice s ON s.job_id = j.id AND s.loaded_at <= now()
    WHERE j.progressed_at > now() - interval '5 minutes'
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reachability:
    """Whether a server responds, and its error if not."""

    state: Literal["ok", "unavailable"]
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage. `entries` are on its stream: workers process the `pending` ones, the `backlog`
    waits. Rates are means over ten seconds, None if unknown. Samples of slices that are not loaded
    yet are estimated by the mean of the loaded slices.
    """

    stage: str
    stream: str
    entries: int
    backlog: int
    pending: int
    oldest_s: float | None
    workers: int
    slices_per_s: float | None
    rows_per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSnapshot:
    """The pipeline at one time. Without Redis, `stages` is empty and `dead` is None."""

    at: datetime
    redis: Reachability
    target: Reachability
    connector: Reachability
    extractor: Reachability
    dead: int | None
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class PipelineWaits:
    """What each stage waits for, if it waits, and the jobs that make no progress; None without the
    target.
    """

    stages: Mapping[str, Waiting]
    jobs: IdleJobs | None


LoadRate = tuple[float, float | None]
"""Slices that are loaded per second, and their mean number of samples, None if unknown."""


class PipelineSampler:
    """Takes snapshots and keeps those of the last `HISTORY_S` seconds; thread-safe, because the
    history is a tuple that is replaced.
    """

    def __init__(
        self,
        client: redis.Redis,
        streams: StreamNames,
        target: Target,
        connector: ConnectorClient,
        extractor: ExtractorClient,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._redis, self._streams, self._target = client, streams, target
        self._connector, self._extractor, self._now = connector, extractor, now
        self._letters = DeadLetters(client, streams)
        self._history: tuple[PipelineSnapshot, ...] = ()
        self._sampling = threading.Lock()
        self.waits = PipelineWaits({}, None)

    def run(self, stop: threading.Event) -> None:
        """Take a snapshot every `SAMPLE_EVERY_S` seconds until `stop` is set."""
        while not stop.is_set():
            self.take()
            stop.wait(SAMPLE_EVERY_S)

    def take(self) -> PipelineSnapshot:
        """Take and keep a snapshot."""
        with self._sampling:
            snapshot, self.waits = self._snapshot(), self._waits()
            self._history = (*self._history, snapshot)[-MAX_SNAPSHOTS:]
        return snapshot

    def latest(self) -> PipelineSnapshot:
        """The newest snapshot. If it is too old and no other thread takes one, take a new one."""
        history = self.snapshots()
        fresh_after = self._now() - timedelta(seconds=3 * SAMPLE_EVERY_S)
        if history and (history[-1].at > fresh_after or self._sampling.locked()):
            return history[-1]
        return self.take()

    def snapshots(self) -> tuple[PipelineSnapshot, ...]:
        """The kept snapshots, oldest first."""
        return self._history

    def _snapshot(self) -> PipelineSnapshot:
        states, redis = _try(self._states)
        dead, _ = _try(self._letters.count) if states else (None, redis)
        load_rate, target = _try(self._load_rate)
        _, connector = _try(self._connector.check)
        _, extractor = _try(self._extractor.check)
        at = self._now()
        return PipelineSnapshot(
            at=at, redis=redis, target=target, connector=connector, extractor=extractor,
            dead=dead, stages=self._stages(states or [], load_rate, at),
        )  # fmt: skip

    def _states(self) -> list[StageState]:
        """The stages; a Redis that refuses changes would show them without workers."""
        redis_client.require_writable(self._redis, self._streams)
        return stage_status.stages(self._redis, self._streams)

    def _waits(self) -> PipelineWaits:
        streams = take_snapshot(self._redis, self._streams)
        jobs, _ = _try(lambda: idle_jobs(self._target.engine, streams, limit=MAX_STALLED_JOBS))
        return PipelineWaits(streams.stage_waits(), jobs)

    def _load_rate(self) -> LoadRate:
        [row] = self._target.fetch(_LOADED, {"rate_over_s": RATE_OVER_S})
        return row.n / RATE_OVER_S, None if row.rows is None else float(row.rows)

    def _stages(
        self, states: Sequence[StageState], load_rate: LoadRate | None, at: datetime
    ) -> tuple[Stage, ...]:
        if not load_rate or not states:
            return tuple(_stage(state, None, None) for state in states)
        # Rate of a stage = rate of the next stage + growth of the stream between them. The ledger
        # is too coarse for the extractor, which marks slices as published in chunks.
        loaded, rows_per_slice = load_rate
        aggregated = max(0.0, loaded + self._growth(states, -1, at))
        extracted = max(0.0, aggregated + self._growth(states, -2, at))
        rates = [extracted, aggregated, loaded]
        return tuple(map(_stage, states, rates, [rows_per_slice] * len(rates)))

    def _growth(self, states: Sequence[StageState], index: int, at: datetime) -> float:
        """Growth of the stream of a stage in the last seconds, in entries per second."""
        since = at - timedelta(seconds=RATE_OVER_S)
        before = next((s for s in self.snapshots() if s.at >= since and s.stages), None)
        if before is None:
            return 0.0
        growth = states[index].backlog - before.stages[index].entries
        return growth / max(SAMPLE_EVERY_S, (at - before.at).total_seconds())


def _try(query: Callable[[], T]) -> tuple[T | None, Reachability]:
    try:
        return query(), Reachability("ok")
    except (MinuanoError, redis.RedisError) as error:
        return None, Reachability("unavailable", str(error))


def _stage(state: StageState, slices_per_s: float | None, rows_per_slice: float | None) -> Stage:
    rows_per_s = slices_per_s
    if slices_per_s:
        rows_per_s = None if rows_per_slice is None else slices_per_s * rows_per_slice
    return Stage(
        stage=state.stage, stream=state.stream, entries=state.backlog, pending=state.pending,
        backlog=max(0, state.backlog - state.pending), oldest_s=state.oldest_s,
        workers=state.workers, slices_per_s=slices_per_s, rows_per_s=rows_per_s,
    )  # fmt: skip
