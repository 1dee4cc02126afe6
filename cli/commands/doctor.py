"""`doctor`: is everything there, does it fit together, and what to do if not."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import typer
from rich.markup import escape
from sqlalchemy import Connection, text

from cli import context
from cli.console import console
from shared.clients.json_client import response_error
from shared.clients.settings import ConnectorClientSettings, ExtractorClientSettings
from shared.errors import MinuanoError, Unavailable
from shared.postgres import engines, schema_version
from shared.settings import RedisSettings, TargetSettings
from shared.streams import redis_client, stage_status
from shared.streams.entries import StreamNames

TIMEOUT_S = 5.0
POSTGRES_MIN = 140_000
REDIS_ADVISED = (7, 0)

Finding = tuple[str, str]
Check = Callable[[], Iterator[Finding]]
OK, WARN, BAD = "[green]✓[/]", "[yellow]![/]", "[red]✗[/]"

_LACKS = text("""
    SELECT privilege || ' on table ' || name AS what
    FROM (VALUES
        ('public.data', '{SELECT,INSERT,UPDATE,DELETE}'),
        ('public.quality', '{SELECT,INSERT,DELETE}'),
        ('public.signal', '{SELECT,INSERT}'),
        ('public.alembic_version', '{SELECT}'),
        ('etl.job', '{SELECT,INSERT,UPDATE}'),
        ('etl.slice', '{SELECT,INSERT,UPDATE}'),
        ('etl.audit', '{SELECT,INSERT}')
    ) AS needed(name, privileges)
    JOIN pg_namespace n ON n.nspname = split_part(name, '.', 1)
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = split_part(name, '.', 2),
    unnest(CAST(privileges AS text[])) AS privilege
    WHERE NOT has_table_privilege(c.oid, privilege)
    UNION ALL  -- what is locked while it is referred to
    SELECT 'UPDATE on a column of table public.signal' FROM pg_class
    WHERE oid = to_regclass('public.signal') AND NOT has_any_column_privilege(oid, 'UPDATE')
    UNION ALL
    SELECT 'USAGE on schema etl' FROM pg_namespace
    WHERE nspname = 'etl' AND NOT has_schema_privilege(oid, 'USAGE')
    UNION ALL
    SELECT 'TEMPORARY on this database'
    WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
    ORDER BY what
""")
_ROLE = text("""
    SELECT current_user AS name, rolsuper OR has_schema_privilege('public', 'CREATE') AS mighty
    FROM pg_roles WHERE rolname = current_user
""")


def doctor() -> None:
    """Check settings, connections, versions, roles, Redis policies and the schema.

    Example: minuano doctor

    Ends with 1 if something has to be mended.
    """
    bad = 0
    for name, check in (("target", _target), ("redis", _redis), ("connector", _connector),
                        ("extractor", _extractor)):  # fmt: skip
        for mark, told in _findings(f"MINUANO_{name.upper()}_URL", check):
            bad += mark == BAD
            console.print(f"{mark} {name:<10} {escape(told)}", soft_wrap=True)
    console.print("all is well" if not bad else f"{bad} to mend")
    if bad:
        raise typer.Exit(1)


def _findings(setting: str, check: Check) -> Iterator[Finding]:
    try:
        yield from check()
    except Unavailable as error:
        yield BAD, f"{error}: see that it runs and that {setting} is right"
    except MinuanoError as error:
        yield BAD, str(error)


def _target() -> Iterator[Finding]:
    settings = context.load(TargetSettings)
    engine = engines.connect(settings.target_url.get_secret_value(), application="doctor")
    with engines.postgres_errors(), engine.connect() as connection:
        yield _postgres_version(connection)
        role: Any = connection.execute(_ROLE).one()
        if lacks := list(connection.scalars(_LACKS)):
            more = f" and {len(lacks) - 1} more" if lacks[1:] else ""
            yield (
                BAD,
                (
                    f"role {role.name} lacks {lacks[0]}{more}: the owner has to GRANT that, or let "
                    f"MINUANO_TARGET_URL name the role that deploy/postgres/target.sql makes"
                ),
            )
            return
        found, wanted = schema_version.current(connection), schema_version.head()
        if found != wanted:
            yield BAD, f"schema {found or 'missing'}, this release needs {wanted}: minuano migrate"
            return
        yield OK, f"schema {found}"
        if role.mighty:
            yield (
                WARN,
                f"role {role.name} may change tables; the services need one that only writes",
            )
        else:
            yield OK, f"role {role.name} may write and not change tables"


def _postgres_version(connection: Connection) -> Finding:
    number = int(connection.scalar(text("SHOW server_version_num")))
    version = connection.scalar(text("SHOW server_version"))
    if number < POSTGRES_MIN:
        return BAD, f"PostgreSQL {version}: 14 or newer is needed"
    return OK, f"PostgreSQL {version}"


def _redis() -> Iterator[Finding]:
    settings = context.load(RedisSettings)
    client = redis_client.connect(settings)
    with redis_client.redis_errors():
        info = client.info("server")
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info["redis_version"])
    old = tuple(int(part) for part in version.split(".")[:2]) < REDIS_ADVISED
    yield (WARN if old else OK), f"{name} {version}" + (": 7.0 or newer is advised" if old else "")
    warning = redis_client.require_no_eviction(client)
    yield (WARN, warning) if warning else (OK, "evicts nothing, keeps an append-only file")
    for stage in stage_status.stages(client, StreamNames(settings.stream_prefix)):
        if not stage.workers:
            yield WARN, f"nobody reads {stage.stream}: python -m services.{stage.stage} does"


def _connector() -> Iterator[Finding]:
    access = context.load(ConnectorClientSettings)
    answer = _get(str(access.connector_url), "/variables", access.headers)
    if not answer:
        yield BAD, "the source has no numeric column: see MINUANO_SOURCE_TABLE"
        return
    yield OK, f"{access.connector_url} has {', '.join(v['name'] for v in answer)}"
    extent = _get(str(access.connector_url), "/extent", access.headers)
    yield (OK, f"samples from {extent['first']} to {extent['last']}") if extent["first"] else (
        WARN, "the source has no samples yet")  # fmt: skip


def _extractor() -> Iterator[Finding]:
    access = context.load(ExtractorClientSettings)
    _get(str(access.extractor_url), "/health/ready", {})
    _get(str(access.extractor_url), "/jobs?limit=1", access.headers)
    yield OK, f"{access.extractor_url} is ready"


def _get(url: str, path: str, headers: dict[str, str]) -> Any:
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}{path}", headers=headers, timeout=TIMEOUT_S, trust_env=False
        )
    except httpx.TransportError as error:
        raise Unavailable(f"nothing answers at {url}: {error}") from None
    if not answer.is_success:
        raise response_error(answer, f"{url.rstrip('/')}{path}")
    return answer.json()
