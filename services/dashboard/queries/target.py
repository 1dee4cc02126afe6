"""Read-only queries of the target database."""

from collections.abc import Mapping
from typing import Any, Self

from sqlalchemy import Engine, Row, text

from shared.postgres import engines
from shared.postgres.transaction import single_statement

STATEMENT_TIMEOUT_S = 30
"""PostgreSQL cancels a query that takes longer, so that no page waits longer."""
CHUNK_VALUES = 25_000


class Target:
    """Each query is a transaction. An export is read in chunks of about `chunk_values` values, so
    that a long export needs no more memory than a short one.
    """

    def __init__(self, engine: Engine, *, chunk_values: int = CHUNK_VALUES) -> None:
        self.engine, self.chunk_values = engine, chunk_values

    @classmethod
    def connect(cls, url: str, *, connections: int) -> Self:
        """The target in read-only sessions with a statement timeout. Nothing connects yet."""
        engine = engines.connect(
            url, application="dashboard", pool_size=connections,
            statement_timeout_s=STATEMENT_TIMEOUT_S, read_only=True,
        )  # fmt: skip
        return cls(engine)

    def fetch(self, query: str, params: Mapping[str, Any] | None = None) -> list[Row[Any]]:
        """All rows of a query; `Unavailable` if PostgreSQL does not answer."""
        with engines.postgres_errors(), single_statement(self.engine) as connection:
            return list(connection.execute(text(query), params or {}))

    def check(self) -> None:
        """Raise `Unavailable` unless the target answers and has the table etl.job."""
        self.fetch("SELECT 1 FROM etl.job LIMIT 1")
