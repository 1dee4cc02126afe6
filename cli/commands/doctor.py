"""`doctor`: is everything there, does it fit together, and what to do if not."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import typer
from sqlalchemy import Connection, text

from cli import here
from cli.console import console
from shared import database, http, schema, transport
from shared.errors import MinuanoError, Misconfigured
from shared.settings import RedisSettings, TargetSettings

TIMEOUT_S = 5.0
POSTGRES_MIN = 140_000
REDIS_ADVISED = (7, 0)

Finding = tuple[str, str]
OK, WARN, BAD = "[green]✓[/]", "[yellow]![/]", "[red]✗[/]"


def doctor() -> None:
    """Check settings, connections, versions, roles, Redis policies and the schema.

    Example: minuano doctor

    Ends with 1 if something has to be mended.
    """
    bad = 0
    for name, check in (("target", _target), ("redis", _redis), ("connector", _connector),
                        ("extractor", _extractor)):  # fmt: skip
        for mark, told in _findings(check):
            bad += mark == BAD
            console.print(f"{mark} {name:<10} {told}", soft_wrap=True)
    console.print("all is well" if not bad else f"{bad} to mend")
    if bad:
        raise typer.Exit(1)


def _findings(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except MinuanoError as error:
        yield BAD, str(error)


def _target() -> Iterator[Finding]:
    settings = here.load(TargetSettings)
    engine = database.connect(settings.target_url.get_secret_value(), application="doctor")
    with database.translated(), engine.connect() as connection:
        yield _postgres_version(connection)
        found, wanted = schema.current(connection), schema.wanted()
        if found == wanted:
            yield OK, f"schema {found}"
        else:
            yield BAD, f"schema {found or 'missing'}, this release needs {wanted}: minuano migrate"
            return
        yield from _role(connection)


def _postgres_version(connection: Connection) -> Finding:
    number = int(connection.scalar(text("SHOW server_version_num")))
    version = connection.scalar(text("SHOW server_version"))
    if number < POSTGRES_MIN:
        return BAD, f"PostgreSQL {version}: 14 or newer is needed"
    return OK, f"PostgreSQL {version}"


def _role(connection: Connection) -> Iterator[Finding]:
    row: Any = connection.execute(
        text(
            "SELECT current_user AS name, rolsuper AS super, "
            "has_schema_privilege('public', 'CREATE') AS ddl, "
            "has_table_privilege('data', 'SELECT, INSERT, UPDATE, DELETE') "
            "AND has_table_privilege('etl.slice', 'SELECT, INSERT, UPDATE') AS writes "
            "FROM pg_roles WHERE rolname = current_user"
        )
    ).one()
    if not row.writes:
        yield BAD, f"role {row.name} may not write: GRANT SELECT, INSERT, UPDATE, DELETE to it"
    elif row.super or row.ddl:
        yield WARN, f"role {row.name} may change tables; the services need a role that only writes"
    else:
        yield OK, f"role {row.name} may write and not change tables"


def _redis() -> Iterator[Finding]:
    client = transport.connect(here.load(RedisSettings))
    with transport.translated():
        info = client.info("server")
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info["redis_version"])
    old = tuple(int(part) for part in version.split(".")[:2]) < REDIS_ADVISED
    yield (WARN if old else OK), f"{name} {version}" + (": 7.0 or newer is advised" if old else "")
    warning = transport.require_no_eviction(client)
    yield (WARN, warning) if warning else (OK, "evicts nothing, keeps an append-only file")


def _connector() -> Iterator[Finding]:
    access = here.load(here.ConnectorAccess)
    answer = _get(str(access.connector_url), "/variables", http.bearer(access.api_key))
    if not answer:
        yield BAD, "the source has no numeric column: see MINUANO_SOURCE_TABLE"
        return
    yield OK, f"{access.connector_url} has {', '.join(v['name'] for v in answer)}"
    extent = _get(str(access.connector_url), "/extent", http.bearer(access.api_key))
    yield (OK, f"samples from {extent['first']} to {extent['last']}") if extent["first"] else (
        WARN, "the source has no samples yet")  # fmt: skip


def _extractor() -> Iterator[Finding]:
    access = here.load(here.ExtractorAccess)
    _get(str(access.extractor_url), "/health/ready", {})
    _get(str(access.extractor_url), "/jobs?limit=1", http.bearer(access.api_key))
    yield OK, f"{access.extractor_url} is ready"


def _get(url: str, path: str, headers: dict[str, str]) -> Any:
    try:
        answer = httpx.get(f"{url.rstrip('/')}{path}", headers=headers, timeout=TIMEOUT_S)
    except httpx.TransportError as error:
        raise MinuanoError(f"{url}: {error}: is it running?") from None
    if answer.status_code == 401:
        raise Misconfigured("MINUANO_API_KEY: the key is refused")
    if not answer.is_success:
        raise MinuanoError(f"{url}{path.lstrip('/')} answers {answer.status_code}: {answer.text}")
    return answer.json()
