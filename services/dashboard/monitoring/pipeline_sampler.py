"""The pipeline as it stands and as it stood in the last minutes: looked at by a thread of its own,
so that many open pages ask the servers no more than one does.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import redis

from services.dashboard.queries.target import Target
from shared.clients.connector import ConnectorClient
from shared.clients.extractor import ExtractorClient
from shared.errors import MinuanoError
from shared.streams import stage_status
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import StreamNames
from shared.streams.stage_status import StageState

SAMPLE_EVERY_S = 2.0
KEPT_S = 15 * 60
RATE_OVER_S = 10

# Slices are found by their job; those of jobs that ended before cannot have moved. A job that
# failed for one slice may go on with the others.
_FLOW = """
    SELECT count(*) FILTER (WHERE s.loaded_at > now() - make_interval(secs => :over)) AS loaded,
           avg(s.rows) FILTER (WHERE s.loaded_at > now() - interval '5 minutes') AS rows
    FROM etl.job j JOIN etl.slice s ON s.job_id = j.id
    WHERE coalesce(j.done_at, j.cancelled_at, j.failed_at + interval '1 day', now())
        > now() - interval '5 minutes'
"""

T = TypeVar("T")
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Reachability:
    """Whether something that the pipeline needs answers, and what it says if not."""

    state: Literal["ok", "away"]
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: `entries` are on its stream, `pending` of them in hand, the others (`backlog`)
    wait. Rates are of the last ten seconds, as far as the ledger tells; samples of a slice that is
    not loaded yet are taken to be as many as those of the others.
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
    """The pipeline at one moment. Without Redis there are no stages and nobody knows the dead."""

    at: datetime
    redis: Reachability
    target: Reachability
    connector: Reachability
    extractor: Reachability
    dead: int | None
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class _Flow:
    """Slices loaded in a second, and the samples of each."""

    loaded: float
    rows: float | None


class PipelineSampler:
    """Keeps the samples of the last `KEPT_S` seconds; safe to ask from several threads."""

    def __init__(
        self,
        client: redis.Redis,
        streams: StreamNames,
        target: Target,
        connector: ConnectorClient,
        extractor: ExtractorClient,
        *,
        now: Clock = _now,
    ) -> None:
        self._redis, self._streams, self._target = client, streams, target
        self._connector, self._extractor, self._now = connector, extractor, now
        self._letters = DeadLetters(client, streams)
        self._kept: deque[PipelineSnapshot] = deque(maxlen=round(KEPT_S / SAMPLE_EVERY_S))
        self._lock, self._looking = threading.Lock(), threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Look again and again until asked to stop; an outage is a sample too."""
        while not stop.is_set():
            self.take()
            stop.wait(SAMPLE_EVERY_S)

    def take(self) -> PipelineSnapshot:
        """Look now, and keep what was seen."""
        with self._looking:
            return self._look()

    def _look(self) -> PipelineSnapshot:
        stages, redis = _asked(lambda: stage_status.stages(self._redis, self._streams))
        dead, _ = _asked(self._letters.count) if stages else (None, redis)
        flow, target = _asked(self._flow)
        _, connector = _asked(self._connector.check)
        _, extractor = _asked(self._extractor.check)
        at = self._now()
        sample = PipelineSnapshot(
            at=at, redis=redis, target=target, connector=connector, extractor=extractor,
            dead=dead, stages=self._stages(stages or [], flow, at),
        )  # fmt: skip
        with self._lock:
            self._kept.append(sample)
        return sample

    def latest(self) -> PipelineSnapshot:
        """The newest sample; looks by itself where there is none that is fresh."""
        kept = self.snapshots()
        fresh = self._now() - timedelta(seconds=3 * SAMPLE_EVERY_S)
        if kept and (kept[-1].at > fresh or self._looking.locked()):
            return kept[-1]  # somebody is looking already: a server that hangs is asked once
        with self._looking:
            return self._look()

    def snapshots(self) -> list[PipelineSnapshot]:
        """All that are kept, oldest first."""
        with self._lock:
            return list(self._kept)

    def _flow(self) -> _Flow:
        [row] = self._target.fetch(_FLOW, {"over": RATE_OVER_S})
        rows = None if row.rows is None else float(row.rows)
        return _Flow(row.loaded / RATE_OVER_S, rows)

    def _stages(
        self, found: Sequence[StageState], flow: _Flow | None, at: datetime
    ) -> tuple[Stage, ...]:
        rates: Sequence[float | None] = [None, None, None]
        if flow and found:
            # What was loaded came from the aggregator, and so did what its stream has gained; what
            # that made came from the extractor, which notes what it published only by the chunk.
            made = max(0.0, flow.loaded + self._gain(found, -1, at))
            read = max(0.0, made + self._gain(found, -2, at))
            rates = [read, made, flow.loaded]
        rows = flow.rows if flow else None
        return tuple(_stage(s, rate, rows) for s, rate in zip(found, rates, strict=False))

    def _gain(self, found: Sequence[StageState], place: int, at: datetime) -> float:
        """Entries a second by which the stream of a stage has grown."""
        since = at - timedelta(seconds=RATE_OVER_S)
        before = next((s for s in self.snapshots() if s.at >= since and s.stages), None)
        if before is None:
            return 0.0
        gained = found[place].backlog - before.stages[place].entries
        return gained / max(SAMPLE_EVERY_S, (at - before.at).total_seconds())


def _asked(question: Callable[[], T]) -> tuple[T | None, Reachability]:
    try:
        return question(), Reachability("ok")
    except (MinuanoError, redis.RedisError) as error:
        return None, Reachability("away", str(error))


def _stage(found: StageState, slices_per_s: float | None, rows: float | None) -> Stage:
    rate = slices_per_s
    if slices_per_s:  # of nothing loaded, how many rows a slice has is not known
        rate = None if rows is None else slices_per_s * rows
    return Stage(
        stage=found.stage, stream=found.stream, entries=found.backlog, pending=found.pending,
        backlog=max(0, found.backlog - found.pending), oldest_s=found.oldest_s,
        workers=found.workers, slices_per_s=slices_per_s, rows_per_s=rate,
    )  # fmt: skip
