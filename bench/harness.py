"""The embedded stack with a filled source, and the measurement of one run on it."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import redis

from bench import process_metrics
from bench.plan import START, Source
from bench.results import Run
from bench.source_table import fill
from cli.embedded import ports
from cli.embedded.stack import Stack
from shared.clients.dagster_health import is_listening
from shared.domain.job import END_STATES
from shared.errors import MinuanoError

ROWS_PER_DAY = 1_440
"""Of one turbine with a sample each minute."""
POLL_S = 0.01
POLL_SHARE = 1 / 200
"""Of a long job: a poll counts its slices, which must cost little beside the job."""
STALLED_AFTER_S = 30.0
STAGES = ("extract", "aggregate", "load")
PROGRESS = """
    SELECT state, loaded, concat_ws(': ', reason, error), extract_ms, aggregate_ms, load_ms
    FROM etl.job_status WHERE id = %s
"""
ACTIVITY = """
    SELECT concat_ws(' ', application_name, state, wait_event_type, wait_event,
                     date_trunc('second', clock_timestamp() - query_start),
                     left(regexp_replace(query, '[[:space:]]+', ' ', 'g'), 200))
    FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid()
"""

OnStep = Callable[[str], None]
Action = Callable[[], Mapping[str, float] | None]
"""What is measured; it may return the stages' work in ms."""


class Harness:
    """Empties the target, runs jobs and measures what they take."""

    def __init__(self, stack: Stack, source: Source, http: httpx.Client, on_step: OnStep) -> None:
        self.stack, self.source, self.on_step, self._http = stack, source, on_step, http
        self.addresses = stack.state
        self.redis = redis.Redis.from_url(self.addresses.redis_url)
        self._target = _connect(stack.postgres.url("target"))
        self._source = _connect(self.addresses.owner_source_url)
        self.in_source("VACUUM ANALYZE data")

    def close(self) -> None:
        for connection in (self._target, self._source, self.redis):
            connection.close()

    def servers(self) -> dict[str, str]:
        """The versions of PostgreSQL and Redis."""
        servers = self.addresses.servers.items()
        return {name: version.split(" ", 1)[1] for name, version in servers}

    def in_source(self, statement: str, *values: Any) -> None:
        with self._source.cursor() as cursor:
            cursor.execute(statement, values)

    def in_target(self, statement: str, *values: Any, **named: Any) -> list[tuple[Any, ...]]:
        with self._target.cursor() as cursor:
            cursor.execute(statement, named or values)
            return list(cursor.fetchall()) if cursor.description else []

    def empty(self) -> None:
        """Remove all windows and jobs, but not the signals. The checkpoint writes dirty pages, so
        that the next run does not pay for them.
        """
        self.in_target("TRUNCATE data, quality, etl.slice, etl.job")
        self.in_target("CHECKPOINT")

    def run_job(self, request: Mapping[str, Any], **limits: float) -> Mapping[str, float]:
        """Submit a job and return when all of it is committed, with the stages' work in ms."""
        return self.finish(self.submit(request), **limits)

    def get(self, path: str) -> Any:
        """The JSON that the extractor returns."""
        return self._http.get(path).raise_for_status().json()

    def submit(self, request: Mapping[str, Any]) -> int:
        """Submit a job; return its number."""
        return int(self._http.post("/jobs", json=request).raise_for_status().json()["id"])

    def finish(
        self, job: int, *, poll_s: float = POLL_S, stalled_after_s: float = STALLED_AFTER_S
    ) -> Mapping[str, float]:
        """Return when all of the job is committed, with the stages' work in ms. Raises
        `MinuanoError` if the job failed or was cancelled, if a service ended, or if no slice was
        loaded for `stalled_after_s`.
        """
        started = time.monotonic()
        loaded, stalled_at = -1, 0.0
        while True:
            ((state, loaded_now, error, *stages_ms),) = self.in_target(PROGRESS, job)
            if state == "done":
                return dict(zip(STAGES, stages_ms, strict=True))
            if loaded_now != loaded:
                loaded, stalled_at = loaded_now, time.monotonic() + stalled_after_s
            for service in self.stack.services:
                service.require_running()
            if state in END_STATES or time.monotonic() > stalled_at:
                message = f"job {job} is {state} after {loaded} slices: {error or 'no error'}"
                raise MinuanoError("; ".join([message, *self._clues()]))
            time.sleep(max(poll_s, (time.monotonic() - started) * POLL_SHARE))

    def _clues(self) -> list[str]:
        """Why a job may have stopped: what PostgreSQL does, and the end of each log."""
        busy = [f"PostgreSQL: {activity}" for (activity,) in self.in_target(ACTIVITY)]
        return [*busy, *(service.log_tail() for service in self.stack.services)]

    def measure(
        self,
        workload: str,
        contender: str,
        rows: int,
        action: Action,
        *,
        pids: Mapping[str, int] | None = None,
    ) -> Run:
        """Run the action and measure what it takes. `pids` are the processes that do the work, by
        name; by default servers and services.
        """
        pids = self.pids() if pids is None else pids
        process_metrics.reset_peaks(pids.values())
        ((first_transaction,),) = self.in_target("SELECT txid_current()")
        cpu_before, redis_before = _cpu_s(pids), self._redis_bytes()
        started = time.perf_counter()
        stages = action() or {}
        seconds = time.perf_counter() - started
        cpu_after, redis_after = _cpu_s(pids), self._redis_bytes()
        written = "SELECT count(*) FROM data WHERE xmin::text::bigint > %s"
        return Run(
            workload=workload,
            contender=contender,
            rows=rows,
            seconds=seconds,
            cpu_s={name: round(cpu_after[name] - cpu_before[name], 2) for name in cpu_after},
            peak_mb={name: round(process_metrics.peak_mb(pid), 1) for name, pid in pids.items()},
            stages_ms={name: round(ms, 1) for name, ms in stages.items()},
            redis_mb=(redis_after - redis_before) / 1e6,
            written=self.in_target(written, first_transaction)[0][0],
        )

    @cached_property
    def dashboard_url(self) -> str:
        """The URL of the dashboard, which the first use starts."""
        url = self.addresses.dashboard_url
        port = url.rpartition(":")[2]
        child = self.stack.child("dashboard-1", "dashboard", settings={"MINUANO_PORT": port})
        self.stack.add(child, partial(is_listening, ports.HOST, int(port)))
        self.stack.wait_until_ready()
        return url

    def pids(self) -> dict[str, int]:
        """The running servers and services by name."""
        children = (*self.stack.servers, *self.stack.services)
        return {child.name: child.pid for child in children if child.pid and child.running}

    def _redis_bytes(self) -> int:
        stats = self.redis.info("stats")
        return int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"])


@contextmanager
def open_harness(
    source: Source, on_step: OnStep, settings: Mapping[str, str] | None = None
) -> Iterator[Harness]:
    """A stack in a temporary folder over this source, stopped at the end of the block."""
    on_step(f"a source of {source.days} days and {source.assets or 1} turbines")
    first = source.parts[0]
    environment = {"MINUANO_SAMPLING_PERIOD_S": str(first.period_s), **(settings or {})}
    if source.assets:
        environment["MINUANO_SOURCE_ASSET_COLUMN"] = first.asset_column
    with tempfile.TemporaryDirectory(prefix="minuano-bench-") as name, ExitStack() as until:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        stack = Stack(folder, settings=environment)
        until.callback(stack.stop)
        addresses = stack.start_servers()
        fill(addresses.owner_source_url, source)
        stack.start_services()
        http = until.enter_context(httpx.Client(base_url=addresses.extractor_url, timeout=30))
        harness = until.enter_context(closing(Harness(stack, source, http, on_step)))
        # The first batch of a process is slower.
        assets = {"assets": ["T01"]} if source.assets else {}
        harness.run_job({"date": START.isoformat(), **assets})
        yield harness


def date_range(days: int, *, first: int = 0) -> dict[str, str]:
    """The request for so many days; `first` counts days from the start of the source."""
    start = START + timedelta(days=first)
    return {"start": start.isoformat(), "end": (start + timedelta(days=days - 1)).isoformat()}


def _cpu_s(pids: Mapping[str, int]) -> dict[str, float]:
    return {name: process_metrics.cpu_s(pid) for name, pid in pids.items()}


def _connect(url: str) -> Any:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection
