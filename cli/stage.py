"""Setting the embedded stack up with data, and telling where everything is."""

import shutil
from pathlib import Path

from rich.markup import escape
from sqlalchemy import inspect

from cli.commands.database import seed_with_progress
from cli.console import console, table
from cli.embedded.stack import Addresses, Stack
from cli.seed import SeedOptions
from shared import database
from shared.settings import SourceSettings, load

EXAMPLE_DAY = "2025-12-05"


def seed_if_empty(addresses: Addresses, *, assets: int) -> None:
    """Write the sample data unless the source has its table already."""
    source = load(SourceSettings)
    url = addresses.owner_source_url
    engine = database.connect(url, application="up")
    with database.translated():
        seeded = inspect(engine).has_table(source.source_table)
    engine.dispose()
    if not seeded:
        seed_with_progress(url, SeedOptions(assets=assets, table=source.source_table))


def redis_cli(stack: Stack) -> str | None:
    """A redis-cli that a person can type."""
    if shutil.which("redis-cli"):
        return "redis-cli"
    for name in ("redis-cli", "valkey-cli"):
        if beside := stack.redis.server.sibling(name):
            return _short(beside)
    return None


def show_addresses(stack: Stack) -> None:
    """Everything a person may want to open or copy."""
    where = stack.addresses
    shown = table("", "")
    for server in where.servers.values():
        shown.add_row("running", server)
    shown.add_row("connector", f"{where.connector_url}/docs")
    shown.add_row("extractor", f"{where.extractor_url}/docs")
    shown.add_row("source", where.source_url)
    shown.add_row("target", where.target_url)
    shown.add_row("redis", where.redis_url)
    shown.add_row("logs", _short(stack.logs))
    console.print(shown, soft_wrap=True)
    console.print("\nTry, in another terminal:", style="bold")
    for line in _lines(stack):
        console.print(f"  {escape(line)}", soft_wrap=True)


def _lines(stack: Stack) -> list[str]:
    where = stack.addresses
    client = redis_cli(stack)
    by_hand = f"XADD minuano:jobs '*' date {EXAMPLE_DAY}"
    return [
        f".venv/bin/minuano run {EXAMPLE_DAY}",
        f"curl -X POST {where.extractor_url}/jobs -H 'Content-Type: application/json' "
        f"""-d '{{"date": "{EXAMPLE_DAY}"}}'""",
        f"{client} --no-auth-warning -u {where.redis_url} {by_hand}"
        if client
        else f"(no redis-cli here; with one: redis-cli -u {where.redis_url} {by_hand})",
        ".venv/bin/minuano status",
    ]


def _short(path: Path) -> str:
    """Relative to where the person is, if it is below."""
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
