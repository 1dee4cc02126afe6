"""`make distance` with one distance and one day: the figures come from correct rows."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import httpx
import pytest

from bench.distance import report
from bench.distance.measurements import Results, Sitting, open_hosts
from bench.distance.namespaces import Namespace
from bench.distance.network import EXTRACTORS, REDIS, SOURCE, TARGET, WORKERS
from bench.distance.plan import Plan
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
    scales={}, aggregators_alone=(),
)  # fmt: skip
FIRST_DAY = datetime.combine(START, time(), UTC)
SCOPE = Scope(start=FIRST_DAY, end=FIRST_DAY + timedelta(days=1), assets=("T01",))


def ignore(_: str) -> None:
    """Do not print the steps."""


@pytest.fixture
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


def test_the_rows_are_right_and_every_distance_has_its_figures(folder: Path) -> None:
    hosts = open_hosts(folder, PLAN, ignore, FAST_SETTINGS, NO_FSYNC)
    with hosts as (network, harness), httpx.Client() as http:
        results = Sitting(PLAN, network, harness, ignore).measure()
        addresses = harness.stack.state
        with (
            connected(addresses.owner_source_url) as source,
            connected(addresses.owner_target_url) as target,
            closing(Pipeline(harness.stack, source, target, http).redis),
        ):
            assert_target_matches_source(Pipeline(harness.stack, source, target, http), SCOPE)
    assert_has_distance(results)
    assert f"| {ROUND_TRIP_MS} ms | " in report.markdown(results, PLAN)


def assert_has_distance(results: Results) -> None:
    """Each host was reached through the router, and the distance was added to the latency."""
    near, far = results.distances
    assert far.measured_ms >= ROUND_TRIP_MS > near.measured_ms
    assert report.round_trips_in_a_row(far, near) > 1
    assert far.median_turns().keys() == {
        (EXTRACTORS, SOURCE), (EXTRACTORS, REDIS), (EXTRACTORS, TARGET),
        (WORKERS, REDIS), (WORKERS, TARGET),
    }  # fmt: skip
    assert results.dropped == 0
