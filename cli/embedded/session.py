"""Starts the embedded stack with data, stops it, and prints its URLs."""

import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import inspect

from cli.console import console
from cli.embedded.child_process import INTERRUPTS
from cli.embedded.stack import Stack
from cli.embedded.stack_state import StackState
from cli.sample_data import ASSET_COLUMN, default_assets, seed_options, seed_with_progress
from shared.clients.settings import ExtractorClientSettings
from shared.environment import load
from shared.errors import Conflict
from shared.postgres import engines
from shared.settings import RedisSettings, SourceSettings
from shared.streams.entries import StreamNames

EXAMPLE_DAY = "2025-12-05"
ASSET_SETTING = "MINUANO_SOURCE_ASSET_COLUMN"
RAISE_AGAIN_S = 0.5


@contextmanager
def stop_on_exit(stack: Stack) -> Iterator[None]:
    """Stop the stack after the block, also after an error or a signal.

    SIGINT and SIGTERM raise KeyboardInterrupt in the block, because most of the start-up is spent
    in calls that cannot check a flag, such as initdb and COPY. Python ignores exceptions in some
    places, such as fork hooks; so the signal is raised again a moment later. While the stack
    stops, signals are ignored: stopping has its own time limits.
    """

    def interrupt(*_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, RAISE_AGAIN_S)
        raise KeyboardInterrupt

    _on_signals(interrupt)
    try:
        yield
    finally:
        _on_signals(signal.SIG_IGN)
        with console.status("stopping …"):
            stack.stop()


def _on_signals(handler: "signal._HANDLER") -> None:
    for number in INTERRUPTS:
        signal.signal(number, handler)


def prepare_source(state: StackState, *, assets: int) -> dict[str, str]:
    """Write the sample data unless the source table exists. Return the settings that services need
    to read the table. Raises `Conflict` for `assets` if the table exists without an asset column.
    """
    source = load(SourceSettings)
    columns = _columns(state.owner_source_url, source.source_table)
    asset_column = source.source_asset_column or ASSET_COLUMN
    if assets and columns is not None and asset_column not in columns:
        raise Conflict(
            f"the source in {state.folder} has no column {asset_column}: omit --assets, or delete "
            f"{state.folder} with all its data"
        )
    has_assets = assets or ASSET_COLUMN in (columns or ())
    if columns is None:
        assets = assets or default_assets(source)
        options = seed_options(source, assets=assets, period_s=source.sampling_period_s)
        seed_with_progress(state.owner_source_url, options)
    return {ASSET_SETTING: ASSET_COLUMN} if has_assets and not source.source_asset_column else {}


def _columns(url: str, table: str) -> set[str] | None:
    """The columns of a table, whose name may include its schema; None if there is no such table."""
    schema, _, name = table.rpartition(".")
    engine = engines.connect(url, application="up")
    with engines.postgres_errors():
        inspector = inspect(engine)
        columns = None
        if inspector.has_table(name, schema=schema or None):
            columns = {column["name"] for column in inspector.get_columns(name, schema or None)}
    engine.dispose()
    return columns


def print_urls(stack: Stack) -> None:
    """Print all URLs of the stack, and commands to try."""
    state = stack.state
    rows = (
        ("running", " and ".join(state.servers.values())),
        ("dashboard", state.dashboard_url),
        ("connector", f"{state.connector_url}/docs"),
        ("extractor", f"{state.extractor_url}/docs"),
        *((("dagster", state.dagster_url),) if state.dagster_url else ()),
        ("source", state.source_url),
        ("target", state.target_url),
        ("redis", state.redis_url),
        ("logs", short_path(stack.logs)),
    )
    for name, value in rows:
        console.print(f"  {name:<11}{value}", markup=False, soft_wrap=True)
    console.print("\nTry, in another terminal:", style="bold")
    for line in _example_commands(stack):
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _example_commands(stack: Stack) -> list[str]:
    """Commands that work when they are pasted unchanged."""
    minuano = "minuano"
    if not shutil.which(minuano):
        minuano = shlex.quote(short_path(Path(sys.executable).with_name(minuano)))
    return [
        f"{minuano} run {EXAMPLE_DAY}",
        _curl(stack.state.extractor_url),
        _xadd(stack),
        f"{minuano} status",
    ]


def _curl(extractor_url: str) -> str:
    settings = load(ExtractorClientSettings, extractor_url=extractor_url)
    headers = {"Content-Type": "application/json", **settings.headers}
    options = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items())
    body = f'{{"date": "{EXAMPLE_DAY}"}}'
    return f"curl -X POST {extractor_url}/jobs {options} -d {shlex.quote(body)}"


def _xadd(stack: Stack) -> str:
    url = stack.state.redis_url
    redis_cli = _redis_cli(stack)
    jobs = StreamNames(load(RedisSettings, redis_url=url).stream_prefix).jobs
    return (
        # An old redis-cli reads the empty user name of a URL as the name of a user.
        f"REDISCLI_AUTH={urlsplit(url).password} {redis_cli or 'redis-cli'} -p {stack.redis.port} "
        f"XADD {shlex.quote(jobs)} '*' date {EXAMPLE_DAY}"
        + ("" if redis_cli else "   # needs redis-cli")
    )


def _redis_cli(stack: Stack) -> str | None:
    """A redis-cli that a person can type."""
    if shutil.which("redis-cli"):
        return "redis-cli"
    for name in ("redis-cli", "valkey-cli"):
        if sibling := stack.redis.server.sibling(name):
            return shlex.quote(short_path(sibling))
    return None


def short_path(path: Path) -> str:
    """The path relative to the current folder, if the path is below it."""
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
