"""All load tests, on temporary stacks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from bench import process_metrics, report
from bench.harness import Harness, OnStep, open_harness
from bench.load import backpressure, connector_paging, job_burst, slow_clients
from bench.load.backpressure import Bounds
from bench.plan import START, source
from bench.results import LoadResult
from services.connector.settings import ConnectorSettings
from services.extractor.settings import ExtractorSettings

MAX_PAGE_ROWS = ConnectorSettings.model_fields["max_page_rows"].default
MAX_BACKLOG = ExtractorSettings.model_fields["max_backlog"].default
MAX_BACKLOG_MB = ExtractorSettings.model_fields["max_backlog_mb"].default
MAX_QUEUED_JOBS = ExtractorSettings.model_fields["max_queued_jobs"].default
HEAD = ("Action", "Bound", "Measured", "Held")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load on one stack, and the bounds that this stack has."""

    bounds: Bounds = field(default_factory=lambda: Bounds(MAX_BACKLOG, MAX_BACKLOG_MB))
    max_queued: int = MAX_QUEUED_JOBS
    days: int = 365
    stopped_s: float = 60.0
    jobs: int = 10_000
    job_clients: int = 100
    added_jobs: int = 10_000
    paging_clients: int = 200
    senders: int = 500
    readers: int = 30

    def environment(self) -> dict[str, str]:
        """The settings of the services."""
        return {
            "MINUANO_MAX_BACKLOG": str(self.bounds.entries),
            "MINUANO_MAX_BACKLOG_MB": str(self.bounds.mb),
            "MINUANO_MAX_QUEUED_JOBS": str(self.max_queued),
            "MINUANO_CHUNK_SLICES": "1",  # one slice in a batch, so that a year fills the streams
        }


# Of the second stack the streams are bounded by their size, and few jobs may wait.
SMALL = Load(
    bounds=Bounds(1_000_000, 1.0), max_queued=500, jobs=2_000,
    added_jobs=0, paging_clients=0, senders=0, readers=0,
)  # fmt: skip
FULL = (Load(), SMALL)
QUICK = (
    Load(
        stopped_s=5, jobs=500, job_clients=50, added_jobs=500, paging_clients=20,
        senders=50, readers=10,
    ),
    replace(SMALL, stopped_s=5, jobs=1_000, job_clients=50),
)  # fmt: skip
"""Enough to see whether a change breaks a bound."""


def run(
    loads: Sequence[Load], on_step: OnStep, *, settings: Mapping[str, str] | None = None
) -> list[LoadResult]:
    """Run the load tests of each load on a stack; `settings` are additional ones of the services.
    `on_step` is called with the name of each step.
    """
    results: list[LoadResult] = []
    for load in loads:
        environment = load.environment() | dict(settings or {})
        with open_harness(source(days=load.days), on_step, environment) as harness:
            results += _load_tests(harness, load)
    return results


def markdown(results: list[LoadResult]) -> str:
    """Machine and table, as they go into docs/reliability.md."""
    machine = report.machine_line(process_metrics.machine(), "Figures of one run")
    rows = [(r.action, r.bound, r.measured, "yes" if r.held else "**no**") for r in results]
    return f"{machine}\n\n{report.table(HEAD, rows)}\n"


def _load_tests(harness: Harness, load: Load) -> Iterator[LoadResult]:
    yield from backpressure.stop_loader(
        harness, load.bounds, days=load.days, stopped_s=load.stopped_s
    )
    yield from job_burst.post_jobs(
        harness, jobs=load.jobs, clients=load.job_clients, max_queued=load.max_queued
    )
    if load.added_jobs:
        yield job_burst.add_jobs(harness, jobs=load.added_jobs)
    if load.paging_clients:
        yield from connector_paging.page_days(harness, clients=load.paging_clients)
    if load.senders:
        harness.on_step(f"{load.senders} slow senders")
        url = harness.addresses.extractor_url
        yield slow_clients.slow_senders(url, count=load.senders, probe="/jobs?limit=1")
    if load.readers:
        harness.on_step(f"{load.readers} slow readers")
        yield slow_clients.slow_readers(
            harness.addresses.connector_url,
            count=load.readers,
            path=_data_path(MAX_PAGE_ROWS, end="2100-01-01"),
            probe=_data_path(100),
            pid=harness.stack.service("connector-1").pid or 0,
        )


def _data_path(limit: int, **more: str) -> str:
    return f"/data?{urlencode({'start': START.isoformat(), 'limit': limit, **more})}"
