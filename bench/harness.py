"""The embedded stack with a filled source, on which every contender works."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import redis

from bench import process_metrics
from bench.job_watch import JobWatch, Progress
from bench.plan import Source
from bench.results import Run
from cli.embedded import ports
from cli.embedded.child_process import Child, stop_all
from cli.embedded.stack import Stack
from shared.errors import MinuanoError
from shared.postgres.urls import sqlalchemy_url
from shared.sample_data.writer import SeedOptions, seed

START = date(2021, 1, 1)
ROWS_A_DAY = 1_440
"""Of one turbine with a sample each minute."""
ASSET_COLUMN = "asset"
STOP_S = 5.0
POLL_S, SHORT_POLL_S, START_POLL_S = 0.01, 0.001, 0.05
BENCH = "script"
"""What the benchmark's own process is called, in which the scripts of plain and floor run."""
READY_WITHIN_S = 60.0


class Harness:
    """Empties the target, runs contenders and measures them."""

    def __init__(self, stack: Stack, options: SeedOptions, http: httpx.Client) -> None:
        self.stack, self.options, self._http = stack, options, http
        self.addresses = stack.state
        self.extra: list[Child] = []
        self._plain_url = ""
        self.redis = redis.Redis.from_url(self.addresses.redis_url)
        self._target = _connected(stack.postgres.url("target"))
        self._source = _connected(self.addresses.owner_source_url)
        self.in_source("VACUUM ANALYZE data")

    def close(self) -> None:
        stop_all(self.extra, within_s=STOP_S)
        for connection in (self._target, self._source):
            connection.close()
        self.redis.close()

    def in_source(self, statement: str, *values: Any) -> None:
        with self._source.cursor() as cursor:
            cursor.execute(statement, values)

    def in_target(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._target.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def empty(self) -> None:
        """Forget all windows and jobs; the signals stay. Nobody inherits another's dirty pages."""
        self.in_target("TRUNCATE data, quality, etl.slice, etl.job")
        self.in_target("CHECKPOINT")

    def run_day(self, day: date) -> None:
        """Ask for one day, which is one slice, and return when it is committed."""
        job = self.ask({"date": day.isoformat()})
        loaded = "SELECT 1 FROM etl.slice WHERE job_id = %s AND loaded_at IS NOT NULL"
        self._wait(loaded, job, poll_s=SHORT_POLL_S)

    def run_job(self, request: Mapping[str, Any]) -> Mapping[str, float]:
        """Ask for a job and return when all of it is committed, with the stages' work in ms."""
        return self.finish(self.ask(request))

    def ask(self, request: Mapping[str, Any]) -> int:
        """Ask for a job; return its number."""
        return int(self._http.post("/jobs", json=request).raise_for_status().json()["id"])

    def finish(self, job: int) -> Mapping[str, float]:
        """Return when all of the job is committed, with the stages' work in ms."""
        loaded = (
            "SELECT 1 FROM etl.job j WHERE id = %s AND slices_total = "
            "(SELECT count(*) FROM etl.slice s WHERE s.job_id = j.id AND loaded_at IS NOT NULL)"
        )
        self._wait(loaded, job, poll_s=POLL_S)
        ((extract, aggregate, load),) = self.in_target(
            "SELECT extract_ms, aggregate_ms, load_ms FROM etl.job_status WHERE id = %s", job
        )
        return {"extract": extract, "aggregate": aggregate, "load": load}

    def _wait(self, loaded: str, job: int, *, poll_s: float) -> None:
        watch = JobWatch(job, lambda: self._progress(job), self.stack.services)
        watch.wait(lambda: bool(self.in_target(loaded, job)), poll_s=poll_s)

    def _progress(self, job: int) -> Progress:
        (found,) = self.in_target(
            "SELECT state, loaded, concat_ws(': ', reason, error) FROM etl.job_status "
            "WHERE id = %s", job,
        )  # fmt: skip
        return Progress(*found)

    def measured(
        self, work: str, contender: str, rows: int, action: Callable[[], Mapping[str, float] | None]
    ) -> Run:
        """Run the action and see what it takes."""
        pids = self._pids()
        process_metrics.reset_peaks(pids.values())
        ((mark,),) = self.in_target("SELECT txid_current()")
        cpu_before = self._cpu_s(pids)
        redis_before = self._redis_bytes()
        started = time.perf_counter()
        stages = action() or {}
        seconds = time.perf_counter() - started
        cpu_after = self._cpu_s(pids)
        redis_bytes = self._redis_bytes() - redis_before
        written = "SELECT count(*) FROM data WHERE xmin::text::bigint > %s"
        return Run(
            work=work,
            contender=contender,
            rows=rows,
            seconds=seconds,
            cpu_s={name: round(cpu_after[name] - cpu_before[name], 2) for name in cpu_after},
            peak_mb={name: round(process_metrics.peak_mb(pid), 1) for name, pid in pids.items()},
            stages_ms={name: round(ms, 1) for name, ms in stages.items()},
            redis_mb=redis_bytes / 1e6,
            written=self.in_target(written, mark)[0][0],
        )

    def serve_plain(self) -> str:
        """Start the connector of `bench.baseline_naive` unless it runs; return its URL."""
        if not self._plain_url:
            self._plain_url = self._start_plain()
        return self._plain_url

    def _start_plain(self) -> str:
        port = ports.free()
        url = sqlalchemy_url(self.addresses.source_url).render_as_string(hide_password=False)
        server = (
            "-m",
            "uvicorn",
            "bench.baseline_naive:app",
            "--log-level=warning",
            f"--port={port}",
        )
        child = Child(
            "plain-connector", [sys.executable, *server], self.stack.logs / "plain.log",
            env={**os.environ, "PLAIN_SOURCE_URL": url},
        )  # fmt: skip
        self.extra.append(child)
        child.start()
        _wait_for(f"http://{ports.HOST}:{port}/openapi.json", child)
        return f"http://{ports.HOST}:{port}"

    def _pids(self) -> dict[str, int]:
        children = (*self.stack.servers, *self.stack.services, *self.extra)
        return {child.name: child.pid for child in children if child.pid and child.running}

    def _cpu_s(self, pids: Mapping[str, int]) -> dict[str, float]:
        used = {name: process_metrics.cpu_s(pid) for name, pid in pids.items()}
        return {**used, BENCH: sum(os.times()[:2])}

    def _redis_bytes(self) -> int:
        stats = self.redis.info("stats")
        return int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"])


@contextmanager
def rig_over(source: Source, settings: Mapping[str, str] | None = None) -> Iterator[Harness]:
    """A stack in a new folder over this source, ended with the block."""
    with tempfile.TemporaryDirectory(prefix="minuano-bench-") as name, ExitStack() as until:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        told = {"MINUANO_SAMPLING_PERIOD_S": str(source.period_s), **(settings or {})}
        if source.assets:
            told["MINUANO_SOURCE_ASSET_COLUMN"] = ASSET_COLUMN
        stack = Stack(folder, settings=told)
        until.callback(stack.stop)
        addresses = stack.start_servers()
        options = SeedOptions(
            start=START, days=source.days, period_s=source.period_s, assets=source.assets
        )
        seed(addresses.owner_source_url, options, lambda *_: None)
        stack.start_services()
        http = until.enter_context(httpx.Client(base_url=addresses.extractor_url, timeout=30))
        made = until.enter_context(closing(Harness(stack, options, http)))
        # Everybody is warm: the first batch of a process loads what it needs.
        made.run_job({"date": START.isoformat()})
        yield made


def span(days: int, *, first: int = 0) -> dict[str, str]:
    """The request for so many days."""
    start = START + timedelta(days=first)
    return {"start": start.isoformat(), "end": (start + timedelta(days=days - 1)).isoformat()}


def _connected(url: str) -> Any:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection


def _wait_for(url: str, child: Child) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while not _answers(url):
        child.require_running()
        if time.monotonic() > until:
            raise MinuanoError(f"{child.name} does not answer; {child.log_tail()}")
        time.sleep(START_POLL_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False
