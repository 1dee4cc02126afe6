"""`demo`: one day through the whole pipeline, on servers that only the demo uses."""

import json
import os
import time

from rich.markup import escape
from sqlalchemy import make_url, text

from cli import clients, context
from cli.console import console, table
from cli.embedded.session import EXAMPLE_DAY, short_path, stop_on_exit
from cli.embedded.stack import Stack
from cli.embedded.stack_state import StackState
from cli.job_progress import stage_times, watch
from cli.sample_data import seed_with_progress
from shared.clients.extractor import ExtractorClient, Job
from shared.clients.settings import ExtractorClientSettings
from shared.environment import PREFIX
from shared.errors import MinuanoError
from shared.postgres import engines
from shared.sample_data.writer import SeedOptions
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.entries import StreamNames

FOLDER = context.FOLDER / "demo"
TIMEOUT_S = 60.0
FIRST_WINDOWS = 5
DASHBOARD = "http://localhost:8080"
WINDOWS, SIGNALS = 144, 8
# An idle worker checks sooner whether it has to stop.
SETTINGS = {"MINUANO_READ_BLOCK_S": "0.2"}
REQUEST = {"date": EXAMPLE_DAY}

_COUNTS = text(
    "SELECT count(*) AS rows, count(DISTINCT timestamp) AS windows, "
    "count(DISTINCT signal_id) AS signals FROM data"
)
_FIRST = text(
    "SELECT timestamp, signal, value AS mean, min_value AS min, max_value AS max, "
    "std_value AS std FROM signal_data ORDER BY timestamp, signal DESC LIMIT :rows"
)


def demo() -> None:
    """Show the main job: sample data, the job of one day, its result. It stops what it started.

    Example: minuano demo

    It runs a real PostgreSQL, a real Redis, and each service as a separate process.
    """
    began = time.perf_counter()
    # Settings of another system must not reach the demo.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    stack = Stack(FOLDER, fresh=True, settings=SETTINGS, inherited=inherited)
    try:
        with stop_on_exit(stack):
            _run(stack)
    except MinuanoError as error:
        logs = short_path(stack.logs)
        raise MinuanoError(f"the demo failed: {error} (logs in {logs})") from error
    except KeyboardInterrupt:
        console.print("interrupted; no process is left running")
        raise
    took = time.perf_counter() - began
    console.print(f"[green]done in {took:.1f} s[/], no process is left running")
    console.print("\nNext:", style="bold")
    console.print("  make test    checks every promise of the README")
    console.print("  make up      runs the same stack in the foreground, with commands to try")
    console.print(f"               and the dashboard on {DASHBOARD}")


def _run(stack: Stack) -> None:
    began = time.perf_counter()
    with console.status("starting PostgreSQL and Redis …"):
        state = stack.start_servers()
    servers = " and ".join(state.servers.values())
    _print_step(1, f"{servers} started in {time.perf_counter() - began:.1f} s")

    options = SeedOptions()
    _print_step(2, f"sample data: {options.days} days from {options.start}, one sample a minute")
    seed_with_progress(state.owner_source_url, options)

    began = time.perf_counter()
    with console.status("starting the services …"):
        stack.start_services(aggregators=2)
    names = ", ".join(child.name for child in stack.services)
    _print_step(3, f"{names} ready in {time.perf_counter() - began:.1f} s")

    _print_step(4, f"POST {state.extractor_url}/jobs {json.dumps(REQUEST)}")
    job = _run_job(state)
    _print_step(5, f"the result in {make_url(state.target_url).render_as_string()}")
    _print_result(state, job)


def _print_step(number: int, step: str) -> None:
    console.print(f"[bold]{number}[/] {escape(step)}", soft_wrap=True)


def _run_job(state: StackState) -> Job:
    extractor = ExtractorClient(ExtractorClientSettings(extractor_url=state.extractor_url))
    settings = RedisSettings(redis_url=state.redis_url)
    client, raw = redis_client.connect(settings), StreamNames(settings.stream_prefix).raw
    id = extractor.post(REQUEST, by=clients.actor())["id"]
    job = watch(extractor, id, timeout_s=TIMEOUT_S, raw_backlog=lambda: int(client.xlen(raw)))
    if job["state"] != "done":
        raise MinuanoError(f"job {id} {job['state']}: {job['reason']}: {job['error']}")
    return job


def _print_result(state: StackState, job: Job) -> None:
    engine = engines.connect(state.target_url, application="demo")
    with engines.postgres_errors(), engine.connect() as connection:
        counts = connection.execute(_COUNTS).one()
        first_rows = connection.execute(_FIRST, {"rows": FIRST_WINDOWS * 2}).all()
    engine.dispose()
    console.print(
        f"  [green]{counts.windows} windows × {counts.signals} signals = {counts.rows:,} rows[/] "
        f"from {job['rows']:,} samples"
    )
    rows = table("window (UTC)", "signal", "mean", "min", "max", "std",
                 numbers=("mean", "min", "max", "std"))  # fmt: skip
    for row in first_rows:
        numbers = (f"{value:.3f}" for value in (row.mean, row.min, row.max, row.std))
        rows.add_row(f"{row.timestamp:%Y-%m-%d %H:%M}", row.signal, *numbers)
    console.print(rows)
    console.print(f"  work: {stage_times(job)} (the first job of new processes)")
    if (counts.windows, counts.signals) != (WINDOWS, SIGNALS):
        raise MinuanoError(f"expected {WINDOWS} windows of {SIGNALS} signals")
