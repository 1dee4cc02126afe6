"""Both databases behind PgBouncer in transaction mode: each transaction has another session."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from shared.errors import Unavailable
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from shared.postgres.transaction import single_statement, transaction
from tests.integration.connector_process import (
    DAY,
    PARK,
    TURBINES,
    all_rows,
    connector,
    execute,
    get,
)
from tests.integration.loader import batch, entry, loader, means, new_job, steady
from tests.integration.pgbouncer import running_pgbouncer
from tests.integration.test_connector_outage import SLOW

# By default PgBouncer refuses options; told to ignore them, it drops them without a word.
CONFIGS = {"options refused": "", "options dropped": "ignore_startup_parameters = options"}
LIMIT_S = 7.0
Pool = Callable[[str], str]
EXPECTED = {
    "lock_timeout": "5250ms", "statement_timeout": "7s", "TimeZone": "UTC",
    "idle_in_transaction_session_timeout": "1min", "transaction_read_only": "on",
    "work_mem": "5MB",
}  # fmt: skip
SHOW = sa.text("SELECT " + ", ".join(f"current_setting('{name}')" for name in EXPECTED))


@pytest.fixture(params=list(CONFIGS.values()), ids=list(CONFIGS))
def pool(request: Any, server_folder: Path) -> Iterator[Pool]:
    """Starts a PgBouncer in front of a database; returns the URL."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(running_pgbouncer(url, server_folder, request.param))


def settings_of(connection: Connection) -> dict[str, str]:
    return dict(zip(EXPECTED, connection.execute(SHOW).one(), strict=True))


def test_every_transaction_has_the_settings(source_url: str, pool: Pool) -> None:
    url = f"{pool(source_url)}?options=-c%20work_mem%3D5MB"
    engine = engines.connect(
        url, application="test", statement_timeout_s=LIMIT_S, transaction_limit_s=LIMIT_S,
        read_only=True,
    )  # fmt: skip
    with engine.connect() as connection:
        assert settings_of(connection) == EXPECTED
        connection.rollback()
        assert settings_of(connection) == EXPECTED
    with single_statement(engine) as connection:
        assert [settings_of(connection) for _ in range(2)] == [EXPECTED] * 2
    with transaction(engine) as opened:
        shown = opened.first("SELECT 1", str(SHOW)).one()
        limited = {**EXPECTED, "idle_in_transaction_session_timeout": f"{LIMIT_S:g}s"}
        assert dict(zip(EXPECTED, shown, strict=True)) == limited
        opened.last("SELECT 1")
    engine.dispose()


def test_other_clients_of_the_session_have_their_own_settings(source_url: str, pool: Pool) -> None:
    url = pool(source_url)
    engine = engines.connect(url, application="test", statement_timeout_s=7, read_only=True)
    with closing(psycopg2.connect(url)) as other, other.cursor() as cursor:
        other.autocommit = True
        with single_statement(engine) as connection:
            settings_of(connection)
        cursor.execute(str(SHOW))
        assert (cursor.fetchone() or ())[:2] == ("0", "0")
        cursor.execute("CREATE TABLE written (a int)")
    engine.dispose()


def test_the_connector_reads_through_the_pool(source_url: str, pool: Pool) -> None:
    execute(source_url, TURBINES)
    with connector(source_url, **PARK) as client:
        expected = all_rows(client, start=DAY)
        days = get(client, "/fingerprints", start=DAY).json()
    with connector(pool(source_url), **PARK) as client:
        assert all_rows(client, start=DAY, limit=70) == expected
        assert get(client, "/fingerprints", start=DAY).json() == days
        assert client.get("/data", params={"start": DAY, "assets": "T01"}).status_code == 200


def test_a_query_through_the_pool_has_a_time_limit(source_url: str, pool: Pool) -> None:
    execute(source_url, SLOW)
    with connector(pool(source_url), source_timeout_s=0.3) as client:
        assert [client.get("/extent").status_code for _ in range(2)] == [504, 504]
        assert client.get("/variables").status_code == 200


def test_the_loader_loads_through_the_pool(target: Engine, target_url: str, pool: Pool) -> None:
    url = pool(target_url)
    engine = engines.connect(url, application="test", lock_timeout_s=0.1)
    load, job = loader(engine), new_job(target, slices=2)
    load([entry(batch(job, steady(7.0)))])
    load([entry(batch(new_job(target), steady(8.0)))])
    assert set(means(target).values()) == {8.0}
    with target.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE data IN SHARE MODE")
        with pytest.raises(Unavailable, match="lock timeout"):
            load([entry(batch(new_job(target), steady(9.0)))])
    Ledger(engine).check()
    engine.dispose()
