"""The benchmark's declared key is the only change to today's schema, and is taken back."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from bench.declared_key import Execute, declared_key
from shared.errors import MinuanoError

# Everything that is checked when rows are written, and every column.
SCHEMA = {
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid)
        FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, convalidated, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE conrelid <> 0
        AND connamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        ORDER BY 1, 2""",
    "columns": """
        SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema IN ('public', 'etl') ORDER BY 1, 2, 3""",
}
WRITE = "INSERT INTO data VALUES ('2026-01-01Z', {}, 1.0)"
SIGNAL = (
    "INSERT INTO signal (id, name, variable, statistic, window_s) "
    "VALUES (1, 'a', 'power', 'mean', 600)"
)

Schema = dict[str, set[tuple[Any, ...]]]


@pytest.fixture
def execute(target_url: str) -> Iterator[Execute]:
    with closing(psycopg2.connect(target_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True

        def run(statement: str) -> list[tuple[Any, ...]]:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

        yield run


def schema(execute: Execute) -> Schema:
    return {name: set(execute(statement)) for name, statement in SCHEMA.items()}


def test_only_the_check_of_signals_differs(execute: Execute) -> None:
    before = schema(execute)
    with declared_key(execute):
        within = schema(execute)
    removed = {name: before[name] - within[name] for name in before}
    added = {name: within[name] - before[name] for name in before}
    assert {row[1] for row in removed["triggers"]} == {
        "require_signals_on_insert", "require_signals_on_update",
    }  # fmt: skip
    assert removed["constraints"] == removed["columns"] == set()
    assert added["constraints"] == {
        ("data", "data_signal_id_fkey", True, "FOREIGN KEY (signal_id) REFERENCES signal(id)")
    }
    assert added["triggers"] == added["columns"] == set()


def test_the_schema_is_as_before_afterwards_also_with_rows(execute: Execute) -> None:
    before = schema(execute)
    execute(SIGNAL)
    with declared_key(execute):
        execute(WRITE.format(1))
    assert schema(execute) == before


def test_the_schema_is_as_before_also_after_an_error(execute: Execute) -> None:
    before = schema(execute)
    with pytest.raises(ZeroDivisionError), declared_key(execute):
        raise ZeroDivisionError
    assert schema(execute) == before


def test_a_schema_without_the_triggers_is_refused() -> None:
    with pytest.raises(MinuanoError, match="require_signals"), declared_key(lambda _: []):
        pass
