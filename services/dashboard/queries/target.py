"""The analysis database, as the dashboard reads it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import Connection, Engine, Row, text

from shared.postgres import engines

# No page waits longer for an answer.
STATEMENT_TIMEOUT_S = 30
VALUES_AT_ONCE = 25_000


class Target:
    """Queries of the target, each in one transaction. A long answer is read in parts of about
    `values_at_once` values, so that it needs no more memory than a short one.
    """

    def __init__(self, engine: Engine, *, values_at_once: int = VALUES_AT_ONCE) -> None:
        self.engine, self.values_at_once = engine, values_at_once

    @classmethod
    def connect(cls, url: str, *, connections: int) -> Self:
        """The target in read-only sessions with a statement timeout. Nothing connects yet."""
        engine = engines.connect(
            url, application="dashboard", pool_size=connections,
            statement_timeout_s=STATEMENT_TIMEOUT_S, read_only=True,
        )  # fmt: skip
        return cls(engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection; raises `Unavailable` if PostgreSQL does not answer."""
        with engines.postgres_errors(), self.engine.connect() as connection:
            yield connection

    def fetch(self, statement: str, values: Mapping[str, Any] | None = None) -> list[Row[Any]]:
        """All rows of one question."""
        with self.reading() as connection:
            return list(connection.execute(text(statement), values or {}))

    def check(self) -> None:
        """Raise `Outage` unless it answers."""
        self.fetch("SELECT 1 FROM etl.job LIMIT 1")
