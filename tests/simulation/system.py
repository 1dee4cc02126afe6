"""The services' own code between the simulated servers, in one world."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import lru_cache, partial
from types import ModuleType, SimpleNamespace
from typing import Any, cast
from unittest import mock
from uuid import UUID

from services.aggregator import handler as aggregator_handler
from services.extractor import (
    chunk_reading,
    dead_letter_handler,
    job_entries,
    job_handler,
    job_intake,
    known_names,
    sweeper,
)
from services.extractor.settings import ExtractorSettings
from services.loader import handler as loader_handler
from shared.domain.batches import Batch, RawBatch, StatsBatch
from shared.domain.job_request import JobRequest
from shared.streams import (
    backoff,
    consumer,
    failure_handler,
    lease,
    lost_entries,
    publisher,
    redis_client,
)
from shared.streams.backoff import Heartbeat
from shared.streams.consumer import Consumer, Handler
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import Entry, Output, StreamNames
from shared.streams.lost_entries import LostEntries
from tests.simulation.ledger import Database, SimulatedLedger
from tests.simulation.redis_client import Faults, RedisClient
from tests.simulation.redis_server import RedisServer
from tests.simulation.source import SPEC, SimulatedSource
from tests.simulation.target import SimulatedSignals, SimulatedWriter, simulated_transaction
from tests.simulation.world import Clock, Event, Process, Threading, World

LEASE_S, BLOCK_S, LIMIT_S = 6.0, 2.0, 9.0
STREAMS = StreamNames("minuano:")
ROLES = ("extractor", "extractor", "aggregator", "aggregator", "loader", "loader")


class Quiet:
    """A logger that says nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


QUIET = Quiet()


@lru_cache(2)
def settings(chunk_slices: int) -> ExtractorSettings:
    """Short times, so that little has to be simulated."""
    url: Any = "postgresql://nowhere/none"
    return ExtractorSettings(
        redis_url=cast(Any, "redis://nowhere"), target_url=url, connector_url="http://nowhere",
        port=0, source_asset_column="asset", chunk_slices=chunk_slices, job_parallelism=2,
        lease_s=LEASE_S, read_block_s=BLOCK_S, sweep_interval_s=2.0, stalled_after_s=5.0,
        sampling_period_s=60,
    )  # fmt: skip


class Service(Process):
    """A service with its consumers, and the event that stops it."""

    def __init__(self, name: str, stop: Event) -> None:
        super().__init__(name)
        self.stop = stop


class System:
    """Two services of each kind, the servers, and what is done to them."""

    def __init__(self, seed: int, *, chunk_slices: int) -> None:
        self.rng = random.Random(seed)
        self.world = World(self.rng)
        self.redis, self.database = RedisServer(), Database()
        self.source = SimulatedSource(self.world)
        self.faults = Faults(self.world)
        self.ledger = SimulatedLedger(self.world, self.database, self.source)
        self.settings = settings(chunk_slices)
        self.services: list[Service] = []
        self.clock_offset_ms = 1_000_000_000
        self.world.on_time = self._tell_time

    def client(self) -> RedisClient:
        return RedisClient(self.world, self.redis, self.faults)

    def start_all(self) -> None:
        self.services = [self.start(role) for role in ROLES]

    def start(self, role: str) -> Service:
        """A new process of this service."""
        service = Service(role, Event(self.world))
        for run in {"extractor": self._extractor, "aggregator": self._aggregator,
                    "loader": self._loader}[role](service.stop):  # fmt: skip
            self.world.start(service, run)
        return service

    def _consumer(
        self, role: ConsumerRole, handle: Handler, stop: Event, heartbeat: Heartbeat | None = None
    ) -> Callable[[], None]:
        beat = heartbeat or Heartbeat(lambda: self.world.now)
        return Consumer(role, handle, self.settings, cast(Any, stop), beat).run

    def _extractor(self, stop: Event) -> Iterator[Callable[[], object]]:
        ledger, client, source = (
            cast(Any, self.ledger),
            cast(Any, self.client()),
            cast(Any, self.source),
        )
        intake = job_intake.JobIntake(self.settings, ledger, client, source)
        heartbeat = Heartbeat(lambda: self.world.now)
        publishes = publisher.Publisher(client, self.settings, cast(Any, stop), heartbeat)
        handle = job_handler.JobHandler(self.settings, ledger, source, publishes, intake, heartbeat)
        jobs = ConsumerRole(stage="extractor", stream=STREAMS.jobs, group="extractor")
        dead = ConsumerRole(stage="extractor", stream=STREAMS.dead, group="extractor", retain=True)
        yield self._consumer(jobs, handle, stop, heartbeat)
        yield self._consumer(dead, dead_letter_handler.DeadLetterHandler(ledger), stop)
        entries = job_entries.JobEntries(client, STREAMS, group=dead.group)
        yield sweeper.Sweeper(
            self.settings, ledger, ledger, entries, intake, cast(Any, stop),
            clock=lambda: self.world.now,
        ).run  # fmt: skip

    def _aggregator(self, stop: Event) -> Iterator[Callable[[], object]]:
        role = ConsumerRole(
            stage="aggregator", stream=STREAMS.raw, group="aggregator", batch_size=4,
            downstream=STREAMS.stats, halves=RawBatch.halves,
        )  # fmt: skip
        yield self._consumer(role, _aggregate, stop)

    def _loader(self, stop: Event) -> Iterator[Callable[[], object]]:
        role = ConsumerRole(
            stage="loader", stream=STREAMS.stats, group="loader", batch_size=4,
            halves=StatsBatch.halves,
        )  # fmt: skip
        handle = loader_handler.BatchHandler(
            cast(Any, self), signal_name="{variable}_{statistic}", units={},
            values_per_transaction=1_000, slices_per_transaction=4,
        )  # fmt: skip
        yield self._consumer(role, handle, stop)

    def _tell_time(self) -> None:
        """Redis has a clock of its own. PostgreSQL ends sessions that stand still."""
        self.redis.now_ms = self.clock_offset_ms + round(self.world.now * 1000)
        for session in list(self.database.sessions):
            if self.world.now - session.used_at > LIMIT_S:
                session.end()

    # -- what a person does

    def accept(self, first: Any, last: Any) -> int:
        """A new job, as the extractor's HTTP API makes it."""
        job, _ = self.ledger.add(JobRequest(start=first, end=last), spec=SPEC)
        self.publish(job.id)
        return job.id

    def publish(self, job: int) -> None:
        fields = job_intake.job_fields(self.ledger.job(job))
        self.redis.xadd(STREAMS.jobs, fields)


def _aggregate(entries: Sequence[Entry]) -> list[Output]:
    """The aggregator's handler. Equal entries have equal statistics, which are computed once."""
    return [
        Output(STREAMS.stats, dict(_aggregated(tuple(entry.fields.items())))) for entry in entries
    ]


@lru_cache(20_000)
def _aggregated(fields: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[Any, Any], ...]:
    [output] = aggregator_handler.handle([Entry("1-1", dict(fields))], stats_stream=STREAMS.stats)
    return tuple(output.fields.items())


class NoReports:
    """As `WaitReporter`; what waits is not looked at here."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def reporting(self, *_: Any) -> AbstractContextManager[None]:
        return nullcontext()

    handling = until_handled = reporting

    def log_pause(self) -> None:
        pass

    def set_aside(self, *_: Any) -> None:
        pass


class Inline(Iterator[Any]):
    """As `Prefetch`, without a thread."""

    def __init__(self, items: Any) -> None:
        self._items = iter(items)

    def __next__(self) -> Any:
        return next(self._items)

    def close(self) -> None:
        """Nothing runs."""


class Simulator:
    """Puts the simulated modules in the place of the real ones, for many runs."""

    def __init__(self) -> None:
        self.system: System | None = None

    @property
    def _world(self) -> World:
        assert self.system is not None
        return self.system.world

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Until the end of the block the services' code uses the simulated servers."""
        clock, threading = Clock(lambda: self._world), Threading(lambda: self._world)
        chance = SimpleNamespace(uniform=lambda a, b: self._world.rng.uniform(a, b))
        quiet: list[ModuleType] = [
            consumer, failure_handler, lost_entries, job_handler, job_intake, sweeper,
            dead_letter_handler, loader_handler, aggregator_handler,
        ]  # fmt: skip
        replaced: list[tuple[Any, str, Any]] = [
            *((module, "log", QUIET) for module in quiet),
            *((module, "time", clock) for module in (
                consumer, publisher, loader_handler, aggregator_handler, job_handler, known_names)),
            *((module, "random", chance) for module in (consumer, backoff, sweeper)),
            (lease, "threading", threading),
            (consumer, "uuid", SimpleNamespace(uuid4=self._uuid)),
            (consumer, "WaitReporter", NoReports),
            (consumer, "LostEntries", partial(LostEntries, clock=clock.monotonic)),
            (chunk_reading, "Prefetch", Inline),
            (redis_client, "connect", lambda *_, **__: self._client()),
            (redis_client, "connect_reader", lambda *_: self._client()),
            (loader_handler, "Signals", SimulatedSignals),
            (loader_handler, "TargetWriter", SimulatedWriter),
            (loader_handler, "transaction", self._transaction),
            (loader_handler, "transaction_limit_s", lambda _: LIMIT_S),
            (loader_handler, "single_statement", self._statement),
        ]  # fmt: skip
        with ExitStack() as until:
            for target, name, new in replaced:
                until.enter_context(mock.patch.object(target, name, new))
            for kind in (RawBatch, StatsBatch):
                until.enter_context(mock.patch.object(kind, "decode", _cached_decode(kind)))
            yield

    def _uuid(self) -> UUID:
        return UUID(int=self._world.rng.getrandbits(128))

    def _client(self) -> RedisClient:
        assert self.system is not None
        return self.system.client()

    def _transaction(self, system: System) -> Any:
        return simulated_transaction(system.world, system.database)

    @contextmanager
    def _statement(self, system: System) -> Iterator[Any]:
        """The only statement of the loader outside of a transaction: it ends sessions that stand
        still, as the server does here by itself.
        """
        system.world.io()
        yield SimpleNamespace(execute=lambda *_: SimpleNamespace(rowcount=0))


def _cached_decode(kind: type[Batch]) -> Callable[[Any], Batch]:
    decode = kind.decode

    @lru_cache(20_000)
    def decoded(fields: tuple[tuple[bytes, bytes], ...]) -> Batch:
        return decode(dict(fields))

    return lambda fields: decoded(tuple(fields.items()))
