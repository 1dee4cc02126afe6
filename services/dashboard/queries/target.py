"""The analysis database, as the dashboard reads it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from shared.postgres.engines import postgres_errors

# No page waits longer for an answer.
STATEMENT_TIMEOUT_S = 30
VALUES_AT_ONCE = 25_000


class Target:
    """Queries of the target, one read-only transaction each. A long answer is read in parts of
    about `values_at_once` values, so that it needs no more memory than a short one.
    """

    def __init__(self, engine: Engine, *, values_at_once: int = VALUES_AT_ONCE) -> None:
        self.engine, self.values_at_once = engine, values_at_once

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that can't change anything; `Outage` where PostgreSQL is away."""
        with postgres_errors(), self.engine.connect() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            connection.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
            yield connection

    def fetch(self, statement: str, values: Mapping[str, Any] | None = None) -> list[Row[Any]]:
        """All rows of one question."""
        with self.reading() as connection:
            return list(connection.execute(text(statement), values or {}))

    def check(self) -> None:
        """Raise `Outage` unless it answers."""
        self.fetch("SELECT 1 FROM etl.job LIMIT 1")
