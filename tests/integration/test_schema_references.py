"""`data.signal_id` always refers to a signal, whatever role writes. Triggers check it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors
from sqlalchemy import Engine

from cli.embedded.postgres import Postgres
from tests.integration.loader import fetch
from tests.polling import wait_until

SIGNAL, UNKNOWN = 1, 99


@pytest.fixture
def filled(target: Engine) -> Engine:
    """One signal with one value, and one without."""
    with connected(target) as cursor:
        cursor.execute(
            "INSERT INTO signal (id, name, variable, statistic, window_s) "
            "VALUES (%s, 'a', 'power', 'mean', 600), (%s, 'b', 'power', 'max', 600)",
            [SIGNAL, SIGNAL + 1],
        )
        write(cursor, SIGNAL)
    return target


@contextmanager
def connected(engine: Engine, url: str = "", *, isolation: str = "READ COMMITTED") -> Iterator[Any]:
    """A cursor; its transaction is committed at the end of the block."""
    url = url or engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url, options="-c lock_timeout=10s")) as connection:
        connection.set_session(isolation_level=isolation)
        with connection, connection.cursor() as cursor:
            yield cursor


def write(cursor: Any, signal: int, *, timestamp: str = "2025-12-05Z") -> None:
    cursor.execute("INSERT INTO data VALUES (%s, %s, 1.0)", [timestamp, signal])


def orphans(engine: Engine) -> list[Any]:
    return fetch(
        engine, "SELECT signal_id FROM data WHERE signal_id NOT IN (SELECT id FROM signal)"
    )


def test_a_value_of_an_unknown_signal_is_rejected(filled: Engine) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match="no signal 99"), connected(filled) as c:
        write(c, UNKNOWN)


def test_one_unknown_signal_rejects_all_rows_of_the_statement(filled: Engine) -> None:
    with pytest.raises(errors.ForeignKeyViolation), connected(filled) as cursor:
        cursor.execute(
            "INSERT INTO data SELECT '2025-12-06Z'::timestamptz + n * interval '1 min', "
            "CASE WHEN n = 500 THEN 99 ELSE 1 END, n FROM generate_series(1, 1000) AS n"
        )
    assert fetch(filled, "SELECT count(*) FROM data") == [(1,)]


def test_a_value_cannot_be_moved_to_an_unknown_signal(filled: Engine) -> None:
    with pytest.raises(errors.ForeignKeyViolation), connected(filled) as cursor:
        cursor.execute("UPDATE data SET signal_id = %s", [UNKNOWN])


def test_a_signal_with_values_cannot_be_deleted(filled: Engine) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match="signal 1 still"), connected(filled) as c:
        c.execute("DELETE FROM signal WHERE id = %s", [SIGNAL])


def test_a_signal_with_values_cannot_be_renumbered(filled: Engine) -> None:
    with pytest.raises(errors.ForeignKeyViolation), connected(filled) as cursor:
        cursor.execute("UPDATE signal SET id = 7 WHERE id = %s", [SIGNAL])


def test_a_signal_with_values_can_be_renamed(filled: Engine) -> None:
    with connected(filled) as cursor:
        cursor.execute("UPDATE signal SET name = 'other' WHERE id = %s", [SIGNAL])
    assert fetch(filled, "SELECT name FROM signal WHERE id = 1") == [("other",)]


def test_a_signal_without_values_can_be_deleted(filled: Engine) -> None:
    with connected(filled) as cursor:
        cursor.execute("DELETE FROM signal WHERE id = %s", [SIGNAL + 1])
    assert fetch(filled, "SELECT id FROM signal") == [(SIGNAL,)]


def test_signals_can_only_be_truncated_together_with_data(filled: Engine) -> None:
    with pytest.raises(errors.ForeignKeyViolation), connected(filled) as cursor:
        cursor.execute("TRUNCATE signal")
    with connected(filled) as cursor:
        cursor.execute("TRUNCATE signal, data")
    assert fetch(filled, "SELECT count(*) FROM signal") == [(0,)]


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("statement", ["DELETE FROM signal WHERE id = 2", "TRUNCATE signal, data"])
def test_a_transaction_with_a_snapshot_cannot_remove_signals(
    filled: Engine, isolation: str, statement: str
) -> None:
    with pytest.raises(errors.FeatureNotSupported), connected(filled, isolation=isolation) as c:
        c.execute(statement)


def test_a_role_without_rights_on_signal_can_write_data(filled: Engine, postgres: Postgres) -> None:
    url = postgres.url(filled.url.database or "", "minuano_writer")
    with connected(filled) as cursor:
        cursor.execute("REVOKE ALL ON signal FROM minuano_writer")
    with connected(filled, url) as cursor:
        write(cursor, SIGNAL, timestamp="2025-12-07Z")
    assert orphans(filled) == []


def test_a_temporary_table_does_not_mislead_the_check(filled: Engine, postgres: Postgres) -> None:
    url = postgres.url(filled.url.database or "", "minuano_writer")
    with pytest.raises(errors.ForeignKeyViolation), connected(filled, url) as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE signal AS SELECT 99 AS id; "
            "INSERT INTO data VALUES ('2025-12-05Z', 99, 1.0)"
        )


def test_the_check_does_not_run_code_of_the_writer(filled: Engine, postgres: Postgres) -> None:
    """The check runs as the owner of the tables, so it must not call functions of the writer."""
    url = postgres.url(filled.url.database or "", "minuano_writer")
    with connected(filled, url) as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.mine() RETURNS integer LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$; "
            "CREATE TEMPORARY VIEW signal AS SELECT pg_temp.mine() AS id"
        )
        write(cursor, SIGNAL, timestamp="2025-12-08Z")
    assert orphans(filled) == []


def test_a_signal_cannot_be_deleted_while_a_transaction_uses_it(filled: Engine) -> None:
    """The deletion waits for the writer to commit, sees its rows and is rejected."""
    with ThreadPoolExecutor(1) as pool:
        with connected(filled) as cursor:
            write(cursor, SIGNAL + 1)
            future = pool.submit(delete, filled, SIGNAL + 1)
            wait_until_blocked(filled)
        assert isinstance(future.exception(), errors.ForeignKeyViolation)
    assert orphans(filled) == []


def test_a_value_is_rejected_while_a_transaction_deletes_its_signal(filled: Engine) -> None:
    with ThreadPoolExecutor(1) as pool:
        with connected(filled) as cursor:
            cursor.execute("DELETE FROM signal WHERE id = %s", [SIGNAL + 1])
            future = pool.submit(insert, filled, SIGNAL + 1)
            wait_until_blocked(filled)
        assert isinstance(future.exception(), errors.ForeignKeyViolation)
    assert orphans(filled) == []


def delete(engine: Engine, signal: int) -> None:
    with connected(engine) as cursor:
        cursor.execute("DELETE FROM signal WHERE id = %s", [signal])


def insert(engine: Engine, signal: int) -> None:
    with connected(engine) as cursor:
        write(cursor, signal)


def wait_until_blocked(engine: Engine) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = :db"
    wait_until(lambda: fetch(engine, query, db=engine.url.database) == [(1,)])
