"""`demo`: one day through the whole pipeline, on servers of its own."""

import json
import os
import time

from rich.markup import escape
from sqlalchemy import make_url, text

from cli import context
from cli.commands.seed_and_migrate import seed_with_progress
from cli.console import console, table
from cli.embedded.session import EXAMPLE_DAY, short, stop_on_exit
from cli.embedded.stack import Stack
from cli.embedded.stack_state import StackState
from cli.job_progress import watch
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
SETTINGS = {
    "MINUANO_READ_BLOCK_S": "0.2"
}  # a worker that waits for work looks up, and ends, sooner
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
    """Show the main job: sample data, one day's job, its result. Leaves nothing running.

    Example: minuano demo

    Real PostgreSQL, real Redis, and every service as a process of its own.
    """
    began = time.perf_counter()
    # Settings of another system must not reach the demo.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    stack = Stack(FOLDER, fresh=True, settings=SETTINGS, inherited=inherited)
    try:
        with stop_on_exit(stack):
            _show(stack)
    except MinuanoError as error:
        raise MinuanoError(f"the demo failed: {error} (logs in {short(stack.logs)})") from error
    except KeyboardInterrupt:
        console.print("interrupted; nothing is left running")
        raise
    took = time.perf_counter() - began
    console.print(f"[green]done in {took:.1f} s[/], nothing is left running")
    console.print("\nGo on:", style="bold")
    console.print("  make test    every promise of the README, checked")
    console.print("  make up      the same stack, in the foreground, with lines to try,")
    console.print(f"               and the dashboard on {DASHBOARD}")


def _show(stack: Stack) -> None:
    began = time.perf_counter()
    with console.status("starting PostgreSQL and Redis …"):
        addresses = stack.start_servers()
    servers = " and ".join(addresses.servers.values())
    _step(1, f"{servers} run, in {time.perf_counter() - began:.1f} s")

    options = SeedOptions()
    _step(2, f"sample data: {options.days} days from {options.start}, one a minute")
    seed_with_progress(addresses.owner_source_url, options)

    began = time.perf_counter()
    with console.status("starting the services …"):
        stack.start_services(aggregators=2)
    names = ", ".join(child.name for child in stack.services)
    _step(3, f"{names} are ready, in {time.perf_counter() - began:.1f} s")

    _step(4, f"POST {addresses.extractor_url}/jobs {json.dumps(REQUEST)}")
    job = _run_job(addresses)
    _step(5, f"the result in {_without_password(addresses.target_url)}")
    _show_result(addresses, job)


def _step(number: int, told: str) -> None:
    console.print(f"[bold]{number}[/] {escape(told)}", soft_wrap=True)


def _run_job(addresses: StackState) -> Job:
    extractor = ExtractorClient(ExtractorClientSettings(extractor_url=addresses.extractor_url))
    settings = RedisSettings(redis_url=addresses.redis_url)
    client, raw = redis_client.connect(settings), StreamNames(settings.stream_prefix).raw
    id = extractor.post(REQUEST)["id"]
    job = watch(extractor, id, timeout_s=TIMEOUT_S, raw_backlog=lambda: int(client.xlen(raw)))
    if job["state"] != "done":
        raise MinuanoError(f"job {id} {job['state']}: {job['reason']}: {job['error']}")
    return job


def _show_result(addresses: StackState, job: Job) -> None:
    engine = engines.connect(addresses.target_url, application="demo")
    with engines.postgres_errors(), engine.connect() as connection:
        counts = connection.execute(_COUNTS).one()
        first = connection.execute(_FIRST, {"rows": FIRST_WINDOWS * 2}).all()
    engine.dispose()
    console.print(
        f"  [green]{counts.windows} windows × {counts.signals} signals = {counts.rows:,} rows[/] "
        f"from {job['rows']:,} samples"
    )
    shown = table("window (UTC)", "signal", "mean", "min", "max", "std",
                  numbers=("mean", "min", "max", "std"))  # fmt: skip
    for row in first:
        numbers = (f"{value:.3f}" for value in (row.mean, row.min, row.max, row.std))
        shown.add_row(f"{row.timestamp:%Y-%m-%d %H:%M}", row.signal, *numbers)
    console.print(shown)
    took = job["took"]
    console.print(
        f"  work: extract {took['extract_ms']:.0f} ms, aggregate {took['aggregate_ms']:.0f} ms, "
        f"load {took['load_ms']:.0f} ms (the first job of cold processes)"
    )
    if (counts.windows, counts.signals) != (WINDOWS, SIGNALS):
        raise MinuanoError(f"{WINDOWS} windows of {SIGNALS} signals were expected")


def _without_password(url: str) -> str:
    return make_url(url).render_as_string()
