"""A transaction with few round trips: BEGIN goes with its first statement, COMMIT with its last.

Several statements are sent as one text. In READ COMMITTED each of them sees what was committed
before it began, as if they were sent one by one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, text
from sqlalchemy.exc import DBAPIError

from shared.postgres.session import BEGIN

LIMIT_S = 30.0
"""Without another limit in the engine's execution options (`transaction_limit_s`)."""


class Transaction:
    """Statements on a connection that would commit each of them. `first` begins the transaction;
    `last` commits it.
    """

    def __init__(self, connection: Connection, limit_s: float = LIMIT_S) -> None:
        self.connection = connection
        self._is_open = False
        limit_ms = round(limit_s * 1000)
        self._begin = (
            BEGIN,
            f"SET LOCAL statement_timeout = {limit_ms}",
            f"SET LOCAL idle_in_transaction_session_timeout = {limit_ms}",
        )

    def first(self, *statements: str, **values: Any) -> CursorResult[Any]:
        """Begin, and execute the statements; return the result of the last one. The server ends the
        transaction if a statement, or the wait for the next one, takes longer than the limit: a
        process that stands still holds its locks no longer than that.
        """
        self._is_open = True
        return self._execute((*self._begin, *statements), values)

    def last(self, *statements: str, **values: Any) -> None:
        """Execute the statements, and commit."""
        self._execute((*statements, "COMMIT"), values)
        self._is_open = False

    def roll_back(self) -> None:
        """Roll back what is open; without an answer the connection is given up."""
        if self._is_open and not self.connection.invalidated:
            try:
                self.connection.exec_driver_sql("ROLLBACK")
            except DBAPIError:
                self.connection.invalidate()

    def _execute(self, statements: tuple[str, ...], values: dict[str, Any]) -> CursorResult[Any]:
        return self.connection.execute(text(";\n".join(statements)), values)


def transaction_limit_s(engine: Engine) -> float:
    """How long the server waits in a transaction, for the client or for one statement."""
    return float(engine.get_execution_options().get("transaction_limit_s", LIMIT_S))


@contextmanager
def transaction(engine: Engine) -> Iterator[Transaction]:
    """A transaction that is rolled back unless it ended with `last`."""
    with single_statement(engine) as connection:
        opened = Transaction(connection, transaction_limit_s(engine))
        try:
            yield opened
        finally:
            opened.roll_back()


@contextmanager
def single_statement(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement is a transaction: one round trip, not three. With
    SQLAlchemy's isolation level AUTOCOMMIT there would be one more, which sets the level back.
    """
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.autocommit = True
        try:
            yield connection
        finally:
            if not driver.closed:
                driver.autocommit = False
