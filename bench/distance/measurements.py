"""What is measured on the five hosts, in one sitting."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import httpx

from bench import process_metrics
from bench.distance import aggregators_alone
from bench.distance.distant_stack import HOST_OF, DistantStack
from bench.distance.network import Network, Traffic, open_network
from bench.distance.plan import Plan
from bench.harness import Harness, OnStep, date_range
from bench.plan import Source
from bench.results import Run, by_service
from shared.sample_data.writer import seed

ROUTER_MEGABYTES = 300
POLL_S = 0.002
HTTP_TIMEOUT_S = 30.0
ONE_TURBINE = "T01"
SAMPLES_A_DAY = 1_440


@dataclass
class Distance:
    """What was measured at one distance: round trips in ms, the runs of one turbine's days, and
    the latencies in ms and turns of one turbine's day.
    """

    round_trip_ms: float
    measured_ms: float = 0.0
    runs: list[Run] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    turns: list[Mapping[tuple[str, str], int]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return median(run.seconds for run in self.runs)

    @property
    def latency_ms(self) -> float:
        return median(self.latencies_ms)

    def median_turns(self) -> dict[tuple[str, str], float]:
        """The median number of turns of each pair of hosts, the most first."""
        pairs = {pair for turns in self.turns for pair in turns}
        medians = {pair: median(turns.get(pair, 0) for turns in self.turns) for pair in pairs}
        return dict(Counter(medians).most_common())


@dataclass(frozen=True)
class Scaled:
    """A job of many turbines with so many processes of a service."""

    service: str
    count: int
    slices: int
    run: Run

    @property
    def cpu_ms_per_slice(self) -> tuple[float, float]:
        """The CPU time of a slice: of this service, and of all services without the servers."""
        used_s = by_service(self.run.cpu_s)
        services_s = sum(seconds for name, seconds in used_s.items() if name in HOST_OF)
        return used_s[self.service] / self.slices * 1000, services_s / self.slices * 1000


@dataclass
class Results:
    """All figures of one sitting."""

    machine: dict[str, str]
    distances: list[Distance]
    router_mb_per_s: float = 0.0
    scaled: list[Scaled] = field(default_factory=list)
    dropped: int = 0
    """Packets that the router dropped."""


class Sitting:
    """One network, one stack, and what is measured on them."""

    def __init__(self, plan: Plan, network: Network, harness: Harness, on_step: OnStep) -> None:
        self._plan, self._network, self._harness, self._on_step = plan, network, harness, on_step
        distances = [Distance(ms) for ms in plan.round_trips_ms]
        self.results = Results({**process_metrics.machine(), **harness.servers()}, distances)

    def measure(self) -> Results:
        self.results.router_mb_per_s = self._network.measure_mb_per_s(ROUTER_MEGABYTES)
        for n in range(self._plan.rounds):
            for distance in self.results.distances:
                self._on_step(f"{distance.round_trip_ms:g} ms, round {n + 1}")
                self._move_to(distance)
                self._load_days(distance)
        for distance in self.results.distances:
            self._on_step(f"{distance.round_trip_ms:g} ms, one day")
            self._move_to(distance)
            self._time_days(distance)
        for service, counts in self._plan.scales.items():
            self._scale_others(service)
            for count in counts:
                self._on_step(f"{count} × {service}")
                self._load_farm(service, count)
        if self._plan.aggregators_alone:
            self._scale_aggregators_alone()
        return self.results

    def _move_to(self, distance: Distance) -> None:
        self._network.set_round_trip(distance.round_trip_ms)
        distance.measured_ms = self._network.measure_round_trip_ms()

    def _load_days(self, distance: Distance) -> None:
        days = self._plan.days
        request = {**date_range(days), "assets": [ONE_TURBINE]}
        self._harness.empty()
        job = partial(self._harness.run_job, request)
        run = self._harness.measure(f"{days} days", "minuano", days * SAMPLES_A_DAY, job)
        distance.runs.append(run)

    def _time_days(self, distance: Distance) -> None:
        """One day after the other on idle services."""
        self._harness.empty()
        self._take_traffic()
        for n in range(self._plan.latency_runs):
            started = time.perf_counter()
            request = {**date_range(1, first=n), "assets": [ONE_TURBINE]}
            self._harness.run_job(request, poll_s=POLL_S)
            distance.latencies_ms.append((time.perf_counter() - started) * 1000)
            distance.turns.append(self._take_traffic().turns)

    def _scale_others(self, service: str) -> None:
        for other, count in self._plan.others.items():
            if other != service:
                self._harness.stack.scale(other, count)

    def _load_farm(self, service: str, count: int) -> None:
        """A job of all turbines; a small one before it, so that new processes have worked."""
        days, assets = self._plan.farm_days, self._plan.assets
        self._harness.stack.scale(service, count)
        self._harness.run_job(date_range(1))
        self._harness.empty()
        job = partial(self._harness.run_job, date_range(days))
        rows = days * assets * SAMPLES_A_DAY
        run = self._harness.measure(f"{days} days of {assets} turbines", service, rows, job)
        self.results.scaled.append(Scaled(service, count, days * assets, run))
        self._take_traffic()

    def _scale_aggregators_alone(self) -> None:
        days, assets = self._plan.farm_days, self._plan.assets
        self._on_step("raw batches")
        self._network.set_round_trip(0)
        batches = aggregators_alone.collect(self._harness, date_range(days))
        self._move_to(self.results.distances[-1])
        aggregate = partial(aggregators_alone.aggregate, self._harness.redis, batches)
        slices = days * assets * aggregators_alone.COPIES
        for count in self._plan.aggregators_alone:
            self._on_step(f"{count} × aggregator alone")
            self._harness.stack.scale("aggregator", count)
            aggregate(copies=1)
            name = f"raw batches of {slices:,} slices"
            run = self._harness.measure(name, "aggregator", slices * SAMPLES_A_DAY, aggregate)
            self.results.scaled.append(Scaled("aggregator", count, slices, run))
            self._take_traffic()

    def _take_traffic(self) -> Traffic:
        traffic = self._network.take_traffic()
        self.results.dropped += traffic.dropped
        return traffic


def run(plan: Plan, on_step: OnStep) -> Results:
    """Measure everything of the plan. `on_step` is called with the name of each step. Raises
    `ConfigurationError` if this process may not create network namespaces.
    """
    with (
        tempfile.TemporaryDirectory(prefix="minuano-distance-") as folder,
        open_hosts(Path(folder), plan, on_step) as (network, harness),
    ):
        return Sitting(plan, network, harness, on_step).measure()


@contextmanager
def open_hosts(
    folder: Path,
    plan: Plan,
    on_step: OnStep,
    settings: Mapping[str, str] | None = None,
    server_settings: tuple[str, ...] = (),
) -> Iterator[tuple[Network, Harness]]:
    """Five hosts without distance, with their data in `folder`, and services that have worked
    once. They stop at the end of the block.
    """
    environment = {"MINUANO_SOURCE_ASSET_COLUMN": plan.source.asset_column, **(settings or {})}
    folder.chmod(0o755)  # PostgreSQL may run as another user
    with ExitStack() as until:
        network = until.enter_context(open_network(folder))
        stack = DistantStack(folder, network, settings=environment, server_settings=server_settings)
        until.callback(stack.stop)
        on_step(f"a source of {plan.source.days} days and {plan.assets} turbines")
        addresses = stack.start_servers()
        seed(addresses.owner_source_url, plan.source, lambda *_: None)
        stack.start_services()
        client = httpx.Client(
            base_url=addresses.extractor_url, timeout=HTTP_TIMEOUT_S, trust_env=False
        )
        http = until.enter_context(client)
        source = Source(parts=(plan.source,))
        harness = until.enter_context(closing(Harness(stack, source, http, on_step)))
        harness.run_job(date_range(1))  # the first batch of a process is slower
        yield network, harness
