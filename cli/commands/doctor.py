"""`doctor`: check the settings and the servers, and say how to fix what is wrong."""

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import redis
import typer
from rich.markup import escape
from sqlalchemy import Connection, text

from cli import clients, context, source_names
from cli.console import console
from cli.missing_rights import missing_rights
from cli.open_jobs import MAX_LINES, describe, stalled_lines
from cli.source_names import DisplaySettings
from shared import unknown_settings
from shared.clients.connector import ConnectorClient
from shared.clients.json_client import JsonClient
from shared.clients.settings import ConnectorClientSettings, ExtractorClientSettings
from shared.domain.spec import StatisticsSpec
from shared.errors import MinuanoError, Unavailable
from shared.ledger.idle_jobs import IDLE_AFTER_S, idle_jobs
from shared.ledger.ledger import Ledger
from shared.postgres import schema_version
from shared.postgres.engines import postgres_errors
from shared.settings import VariablesSettings
from shared.streams import redis_client, stage_status
from shared.streams.entries import StreamNames
from shared.streams.job_waits import take_snapshot
from shared.streams.ownership import Ownership

TIMEOUT_S = 5.0
POSTGRES_MIN = 140_000
REDIS_RECOMMENDED = (7, 0)

Finding = tuple[str, str]
Check = Callable[[], Iterator[Finding]]
OK, WARN, BAD = "[green]✓[/]", "[yellow]![/]", "[red]✗[/]"

_ROLE = text("""
    SELECT current_user AS name,
           rolsuper OR has_schema_privilege('public', 'CREATE') AS may_change_tables
    FROM pg_roles WHERE rolname = current_user
""")


def doctor() -> None:
    """Check settings, connections, versions, roles, Redis policies and the schema.

    Example: minuano doctor

    Ends with 1 if it finds a problem; a warning is not a problem. An open job that has made no
    progress for a minute is one.
    """
    marks: Counter[str] = Counter()
    for name, check in CHECKS.items():
        for mark, finding in _findings(f"MINUANO_{name.upper()}_URL", check):
            marks[mark] += 1
            console.print(f"{mark} {name:<10} {escape(finding)}", soft_wrap=True)
    console.print(_summary(marks[BAD], marks[WARN]))
    if marks[BAD]:
        raise typer.Exit(1)


def _summary(problems: int, warnings: int) -> str:
    if problems:
        return f"{problems} to fix"
    return f"nothing to fix, warnings: {warnings}" if warnings else "all is well"


def _findings(setting: str, check: Check) -> Iterator[Finding]:
    try:
        yield from check()
    except Unavailable as error:
        yield BAD, f"{error}: check that it runs and that {setting} is right"
    except MinuanoError as error:
        yield BAD, str(error)


def _settings() -> Iterator[Finding]:
    yield from ((BAD, sentence) for sentence in unknown_settings.sentences(os.environ))


def _target() -> Iterator[Finding]:
    with postgres_errors(), clients.target("doctor").connect() as connection:
        yield _postgres_version(connection)
        role: Any = connection.execute(_ROLE).one()
        if missing := missing_rights(connection):
            yield BAD, _missing(missing)
            return
        current = schema_version.current(connection)
        if advice := schema_version.advice(current):
            yield BAD, advice
            return
        yield OK, f"schema {current}"
        if role.may_change_tables:
            yield WARN, f"role {role.name} may change tables; the services need only write access"
        else:
            yield OK, f"role {role.name} may write and not change tables"


def _missing(rights: list[tuple[str, str]]) -> str:
    (role, what), *others = rights
    more = f" and {len(others)} more" if others else ""
    return (
        f"role {role} lacks {what}{more}: the owner must GRANT it, or MINUANO_TARGET_URL must name "
        "a role that deploy/postgres/target.sql creates"
    )


def _postgres_version(connection: Connection) -> Finding:
    number = int(connection.scalar(text("SHOW server_version_num")))
    version = connection.scalar(text("SHOW server_version"))
    if number < POSTGRES_MIN:
        return BAD, f"PostgreSQL {version}: 14 or newer is needed"
    return OK, f"PostgreSQL {version}"


def _redis() -> Iterator[Finding]:
    client, streams = clients.streams()
    with redis_client.redis_errors():
        info = client.info("server")
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info["redis_version"])
    old = tuple(int(number) for number in version.split(".")[:2]) < REDIS_RECOMMENDED
    advice = ": 7.0 or newer is recommended" if old else ""
    yield (WARN if old else OK), f"{name} {version}{advice}"
    redis_client.require_writable(client, streams)
    warning = redis_client.require_no_eviction(client)
    yield (WARN, warning) if warning else (OK, "evicts nothing, keeps an append-only file")
    yield from _owner(client, streams)
    for stage in stage_status.stages(client, streams):
        if not stage.workers:
            waiting = f" and {stage.backlog} entries wait" if stage.backlog else ""
            yield (
                (BAD if waiting else WARN),
                f"no worker reads {stage.stream}{waiting}: start python -m services.{stage.stage}",
            )


def _owner(client: redis.Redis, streams: StreamNames) -> Iterator[Finding]:
    try:
        ledger = Ledger(clients.target("doctor"))
        identity = ledger.identity()
    except MinuanoError:
        return  # the check of the target says so
    try:
        Ownership(client, streams, ledger.identity).check(identity)
    except MinuanoError as error:
        yield BAD, str(error)
    else:
        yield OK, f"the streams {streams.prefix}* belong to the target's ledger"


def _connector() -> Iterator[Finding]:
    settings = context.load(ConnectorClientSettings)
    url = str(settings.connector_url)
    connector = JsonClient("connector", url, settings.headers, timeout=TIMEOUT_S)
    variables = connector.json("GET", "/variables")
    if not variables:
        yield BAD, "the source has no numeric column: check MINUANO_SOURCE_TABLE"
        return
    yield OK, f"{url} has {', '.join(variable['name'] for variable in variables)}"
    extent = connector.json("GET", "/extent")
    if extent["first"]:
        yield OK, f"samples from {extent['first']} to {extent['last']}"
    else:
        yield WARN, "the source has no samples yet"


def _extractor() -> Iterator[Finding]:
    settings = context.load(ExtractorClientSettings)
    url = str(settings.extractor_url)
    extractor = JsonClient("extractor", url, settings.headers, timeout=TIMEOUT_S)
    extractor.check()
    extractor.json("GET", "/jobs", params={"limit": 1})
    yield OK, f"{url} is ready"
    yield from _names(extractor.get("/statistics", StatisticsSpec))


def _names(spec: StatisticsSpec) -> Iterator[Finding]:
    display = context.load(DisplaySettings)
    try:
        source = ConnectorClient(context.load(ConnectorClientSettings), timeout=TIMEOUT_S)
        variables = source.variables()
        assets = source.assets() if display.rated_power_kw else []
    except MinuanoError:
        return  # the check of the connector reports it
    yield from ((BAD, sentence) for sentence in source_names.unknown(spec, variables))
    defaults = context.load(VariablesSettings).variable_names
    wrong = source_names.unknown_defaults(defaults, variables)
    yield from ((BAD, sentence) for sentence in wrong)
    useless = source_names.without_effect(display, variables, assets)
    yield from ((WARN, sentence) for sentence in useless)
    yield from ((WARN, sentence) for sentence in source_names.suggestions(spec, variables))


def _jobs() -> Iterator[Finding]:
    with contextlib.suppress(MinuanoError):  # the checks of the servers have reported it
        snapshot = take_snapshot(*clients.streams())
        found = idle_jobs(clients.target("doctor"), snapshot, limit=MAX_LINES)
        for waiting in snapshot.stage_waits().values():
            if waiting.reason == "server":  # other waits are normal while jobs progress
                yield BAD, describe(waiting)
        for line in stalled_lines(found):
            yield BAD, line
        if found.queued:
            yield WARN, f"{found.queued:,} jobs wait for their turn while others progress"
        elif not found.stalled:
            yield OK, f"open jobs: {found.open:,}, none without progress for {IDLE_AFTER_S:.0f} s"


CHECKS: dict[str, Check] = {
    "settings": _settings, "target": _target, "redis": _redis, "connector": _connector,
    "extractor": _extractor, "jobs": _jobs,
}  # fmt: skip
"""In the order of the output, by name."""
