"""The loader is stopped during a backfill: the streams fill up to their bounds and the writers
wait. After the loader has started again, the job ends with the same values as without the stop.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import httpx

from bench.harness import Harness, date_range
from bench.load.resource_sampler import Figures, peaks, sizes
from bench.results import LoadResult
from services.aggregator.__main__ import BATCH_SIZE, CONSUMERS
from services.extractor.__main__ import LANES
from shared.errors import MinuanoError

VALUES_PER_DAY = 1_152
FULL_WITHIN_S = 120.0
POLL_S = 0.1
# A hash of all values that does not depend on their order.
DIGEST = (
    "SELECT count(*), coalesce(sum(hashtextextended("
    "concat_ws(' ', signal_id, extract(epoch FROM timestamp), value), 0)), 0)::text FROM data"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of each stream, as the services have them."""

    entries: int
    mb: float

    def hold(self, highest: Figures, full: Figures, stream: str, *, in_flight: int) -> bool:
        """Whether the stream stayed within the bounds. Writers check for room before they take
        work, so the `in_flight` entries of all writers may exceed one entry less than the bound.
        The size of one entry is computed from `full`.
        """
        entry_mb = full[f"{stream}_mb"] / max(1.0, full[stream])
        return (
            highest[stream] <= self.entries - 1 + in_flight
            and highest[f"{stream}_mb"] <= self.mb + in_flight * entry_mb
        )

    def __str__(self) -> str:
        return f"`MINUANO_MAX_BACKLOG` {self.entries:,}, `MINUANO_MAX_BACKLOG_MB` {self.mb:g}"


def stop_loader(
    harness: Harness, bounds: Bounds, *, days: int, stopped_s: float
) -> Iterator[LoadResult]:
    """A job of so many days; the loader stays stopped for `stopped_s` after the streams filled."""
    harness.on_step(f"{days} days with a running loader")
    harness.empty()
    harness.run_job(date_range(days))
    expected = harness.in_target(DIGEST)
    harness.empty()
    harness.stack.scale("loader", 0)
    harness.on_step(f"{days} days without a loader")
    before = sizes(harness)
    with peaks(partial(sizes, harness)) as highest:
        job = harness.submit(date_range(days))
        _wait_until_full(harness)
        full = sizes(harness)
        time.sleep(stopped_s)
        waited = _is_full(harness)
    action = f"{days} days, the loader stopped for {stopped_s:g} s after the streams filled"
    yield _streams(harness, bounds, highest, full, action)
    yield _redis_memory(bounds, before, highest)
    harness.on_step("the loader runs again")
    started = time.perf_counter()
    harness.stack.scale("loader", 1)
    harness.finish(job)
    seconds, digest = time.perf_counter() - started, harness.in_target(DIGEST)
    yield _services(harness, highest, waited)
    same = digest == expected and digest[0][0] == days * VALUES_PER_DAY
    yield LoadResult(
        "the same: the loader starts again",
        "the same values as with a running loader",
        f"{digest[0][0]:,} values{', all the same' if same else ''}, {seconds:.1f} s after its "
        "start",
        same,
    )


def _streams(
    harness: Harness, bounds: Bounds, highest: Figures, full: Figures, action: str
) -> LoadResult:
    aggregators = sum(child.name.startswith("aggregator-") for child in harness.stack.services)
    in_flight = {"raw": LANES, "stats": aggregators * CONSUMERS * BATCH_SIZE}
    measured = (f"{n} {highest[n]:,.0f} entries, {highest[f'{n}_mb']:.2f} MB" for n in in_flight)
    held = all(bounds.hold(highest, full, name, in_flight=n) for name, n in in_flight.items())
    return LoadResult(action, f"{bounds}, each stream", "; ".join(measured), held)


def _redis_memory(bounds: Bounds, before: Figures, highest: Figures) -> LoadResult:
    return LoadResult(
        "the same: Redis's memory",
        f"2 streams × {bounds.mb:g} MB, and 2 MB",
        f"{before['redis_mb']:.1f} MB before, {highest['redis_mb']:.1f} MB at most",
        highest["redis_mb"] - before["redis_mb"] <= 2 * bounds.mb + 2,
    )


def _services(harness: Harness, highest: Figures, waited: bool) -> LoadResult:
    running = all(child.running for child in harness.stack.services)
    return LoadResult(
        "the same: services",
        "no process ends, no dead letter, `minuano_stream_full` is 1",
        f"extractor {highest['extractor-1']:.0f} MB, aggregator {highest['aggregator-1']:.0f} MB "
        "at most",
        waited and running and not harness.redis.xlen("minuano:dead"),
    )


def _wait_until_full(harness: Harness) -> None:
    deadline = time.monotonic() + FULL_WITHIN_S
    while not _is_full(harness):
        if time.monotonic() > deadline:
            raise MinuanoError("the streams have not filled: choose more days")
        time.sleep(POLL_S)


def _is_full(harness: Harness) -> bool:
    """Whether the extractor reports that it waits for room in the stream."""
    url = f"{harness.addresses.extractor_url}/metrics"
    metrics = httpx.get(url, timeout=30, trust_env=False).text
    return 'minuano_stream_full{stream="minuano:raw"} 1.0' in metrics
