"""Setting the embedded stack up with data, and telling where everything is."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

from rich.markup import escape
from sqlalchemy import inspect

from cli.commands.database import seed_with_progress
from cli.console import console
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
    rows = (
        ("running", " and ".join(where.servers.values())),
        ("connector", f"{where.connector_url}/docs"),
        ("extractor", f"{where.extractor_url}/docs"),
        ("source", where.source_url),
        ("target", where.target_url),
        ("redis", where.redis_url),
        ("logs", _short(stack.logs)),
    )
    for name, value in rows:
        console.print(f"  {name:<11}{escape(value)}", soft_wrap=True)
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
        # An old redis-cli takes a URL's empty user name for a user's name.
        f"REDISCLI_AUTH={_password(where.redis_url)} {client or 'redis-cli'} "
        f"-p {stack.redis.port} {by_hand}" + ("" if client else "   # once you have redis-cli"),
        ".venv/bin/minuano status",
    ]


def _password(url: str) -> str:
    return urlsplit(url).password or ""


def _short(path: Path) -> str:
    """Relative to where the person is, if it is below."""
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
