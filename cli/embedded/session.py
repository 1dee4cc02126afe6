"""Setting the embedded stack up with data, ending it, and telling where everything is."""

import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import inspect

from cli.commands.seed_and_migrate import (
    ASSET_COLUMN,
    sample_assets,
    seed_options,
    seed_with_progress,
)
from cli.console import console
from cli.embedded.stack import Stack
from cli.embedded.stack_state import StackState
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
    """End the stack after the block, whatever happens there.

    SIGINT and SIGTERM raise KeyboardInterrupt in the block: much of a start is in calls that no
    flag reaches, such as initdb and COPY. Where Python ignores what is raised, as in the hooks of a
    fork, it is raised again a moment later. The ending has limits of its own and ignores them.
    """

    def interrupt(*_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, RAISE_AGAIN_S)
        raise KeyboardInterrupt

    _on_signals(interrupt)
    try:
        yield
    finally:
        _on_signals(signal.SIG_IGN)
        with console.status("ending …"):
            stack.stop()


def _on_signals(handler: "signal._HANDLER") -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, handler)


def prepare_source(addresses: StackState, *, assets: int) -> dict[str, str]:
    """Write the sample data unless the source table exists. Return the settings that services need
    to read the table. Raises `Conflict` for `assets` if the table exists without an asset column.
    """
    source = load(SourceSettings)
    columns = _columns(addresses.owner_source_url, source.source_table)
    wanted = source.source_asset_column or ASSET_COLUMN
    if assets and columns is not None and wanted not in columns:
        raise Conflict(
            f"the source in {addresses.folder} has no column {wanted}: leave --assets out, or "
            f"remove {addresses.folder} with all its data"
        )
    has_assets = assets or ASSET_COLUMN in (columns or ())
    if columns is None:
        assets = assets or sample_assets(source)
        options = seed_options(source, assets=assets, period_s=source.sampling_period_s)
        seed_with_progress(addresses.owner_source_url, options)
    return {ASSET_SETTING: ASSET_COLUMN} if has_assets and not source.source_asset_column else {}


def _columns(url: str, table: str) -> set[str] | None:
    """The columns of a table, which may be named with its schema; None if there is no such."""
    schema, _, name = table.rpartition(".")
    engine = engines.connect(url, application="up")
    with engines.postgres_errors():
        inspector = inspect(engine)
        found = None
        if inspector.has_table(name, schema=schema or None):
            found = {column["name"] for column in inspector.get_columns(name, schema or None)}
    engine.dispose()
    return found


def print_urls(stack: Stack) -> None:
    """Everything a person may want to open or copy."""
    where = stack.state
    rows = (
        ("running", " and ".join(where.servers.values())),
        ("dashboard", where.dashboard_url),
        ("connector", f"{where.connector_url}/docs"),
        ("extractor", f"{where.extractor_url}/docs"),
        *((("dagster", where.dagster_url),) if where.dagster_url else ()),
        ("source", where.source_url),
        ("target", where.target_url),
        ("redis", where.redis_url),
        ("logs", short(stack.logs)),
    )
    for name, value in rows:
        console.print(f"  {name:<11}{value}", markup=False, soft_wrap=True)
    console.print("\nTry, in another terminal:", style="bold")
    for line in _lines(stack):
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _lines(stack: Stack) -> list[str]:
    """Commands that can be pasted as they are."""
    return [
        f"{_minuano()} run {EXAMPLE_DAY}",
        _curl(stack.state.extractor_url),
        _xadd(stack),
        f"{_minuano()} status",
    ]


def _minuano() -> str:
    if shutil.which("minuano"):
        return "minuano"
    return shlex.quote(short(Path(sys.executable).with_name("minuano")))


def _curl(extractor_url: str) -> str:
    access = load(ExtractorClientSettings, extractor_url=extractor_url)
    headers = {"Content-Type": "application/json", **access.headers}
    sent = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items())
    body = f'{{"date": "{EXAMPLE_DAY}"}}'
    return f"curl -X POST {extractor_url}/jobs {sent} -d {shlex.quote(body)}"


def _xadd(stack: Stack) -> str:
    url = stack.state.redis_url
    client = _redis_cli(stack)
    jobs = StreamNames(load(RedisSettings, redis_url=url).stream_prefix).jobs
    return (
        # An old redis-cli takes a URL's empty user name for a user's name.
        f"REDISCLI_AUTH={urlsplit(url).password} {client or 'redis-cli'} -p {stack.redis.port} "
        f"XADD {shlex.quote(jobs)} '*' date {EXAMPLE_DAY}"
        + ("" if client else "   # once you have redis-cli")
    )


def _redis_cli(stack: Stack) -> str | None:
    """A redis-cli that a person can type."""
    if shutil.which("redis-cli"):
        return "redis-cli"
    for name in ("redis-cli", "valkey-cli"):
        if beside := stack.redis.server.sibling(name):
            return shlex.quote(short(beside))
    return None


def short(path: Path) -> str:
    """Relative to where the person is, if it is below."""
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
