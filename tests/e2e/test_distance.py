"""`make distance` with short distances and one day: its figures come from correct rows."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import httpx
import pytest

from bench.distance import aggregators_alone, report
from bench.distance.measurements import Sitting, open_hosts
from bench.distance.namespaces import Namespace
from bench.distance.network import EXTRACTORS, REDIS, SOURCE, TARGET, WORKERS, Network
from bench.distance.plan import Plan
from bench.harness import Harness
from bench.plan import START
from shared.errors import ConfigurationError
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import FAST_SETTINGS, Pipeline
from tests.e2e.sql import connected
from tests.prepared_cluster import NO_FSYNC, copy_prepared_cluster

# The fork server is outside of the namespaces.
pytestmark = pytest.mark.cold

ROUND_TRIP_MS = 5
PLAN = Plan(
    round_trips_ms=(0, ROUND_TRIP_MS), rounds=1, days=1, latency_runs=1, assets=2, farm_days=1,
    scales={}, others={}, aggregators_alone=(),
)  # fmt: skip
FIRST_DAY = datetime.combine(START, time(), UTC)
SCOPE = Scope(start=FIRST_DAY, end=FIRST_DAY + timedelta(days=1), assets=("T01",))
VALUES_A_DAY = 1_152

Hosts = tuple[Network, Harness]


def ignore(_: str) -> None:
    """Do not print the steps."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with two prepared clusters; skipped if there are no network namespaces here."""
    try:
        Namespace("10.77.0.1").close()
    except ConfigurationError as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory(prefix="minuano-distance-") as name:
        for server in ("postgres", "source"):
            copy_prepared_cluster(Path(name) / server)
        yield Path(name)


@pytest.fixture(scope="module")
def hosts(folder: Path) -> Iterator[Hosts]:
    with open_hosts(folder, PLAN, ignore, FAST_SETTINGS, NO_FSYNC) as hosts:
        yield hosts


@pytest.fixture
def pipeline(hosts: Hosts) -> Iterator[Pipeline]:
    """The databases of the hosts."""
    stack = hosts[1].stack
    with (
        connected(stack.state.owner_source_url) as source,
        connected(stack.state.owner_target_url) as target,
        httpx.Client() as http,
    ):
        pipeline = Pipeline(stack, source, target, http)
        with closing(pipeline.redis):
            yield pipeline


def test_the_rows_are_right_and_the_turns_are_counted(hosts: Hosts, pipeline: Pipeline) -> None:
    results = Sitting(PLAN, *hosts, ignore).measure()
    assert_target_matches_source(pipeline, SCOPE)
    far = results.distances[1]
    assert far.measured_ms >= ROUND_TRIP_MS
    assert far.median_turns().keys() == {
        (EXTRACTORS, SOURCE), (EXTRACTORS, REDIS), (EXTRACTORS, TARGET),
        (WORKERS, REDIS), (WORKERS, TARGET),
    }  # fmt: skip
    assert results.dropped == 0
    assert f"| {ROUND_TRIP_MS} ms | " in report.markdown(results, PLAN)


@pytest.mark.thorough
def test_each_number_of_processes_does_the_whole_work(hosts: Hosts, pipeline: Pipeline) -> None:
    plan = replace(PLAN, scales={"loader": (1, 2)}, aggregators_alone=(1, 2))
    results = Sitting(plan, *hosts, ignore).measure()
    farm, alone = results.scaled[:2], results.scaled[2:]
    assert [(one.service, one.count) for one in farm] == [("loader", 1), ("loader", 2)]
    assert [one.run.written for one in farm] == [2 * VALUES_A_DAY] * 2
    assert [(one.service, one.count) for one in alone] == [("aggregator", 1), ("aggregator", 2)]
    assert {one.slices for one in alone} == {2 * aggregators_alone.COPIES}
    assert pipeline.redis.xlen(pipeline.streams.raw) == 0
    assert pipeline.redis.xlen(pipeline.streams.dead) == 0
    assert len(alone[1].run.cpu_s.keys() & {"aggregator-1", "aggregator-2"}) == 2
