"""A transaction with few round trips: BEGIN goes with its first statement, COMMIT with its last.

Several statements are sent as one text. In READ COMMITTED each of them sees what was committed
before it began, as if they were sent one by one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, text
from sqlalchemy.exc import DBAPIError


class Transaction:
    """Statements on a connection that would commit each of them. `first` begins the transaction;
    `last` commits it.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._is_open = False

    def first(self, *statements: str, **values: Any) -> CursorResult[Any]:
        """Begin, and execute the statements; return the result of the last one."""
        self._is_open = True
        return self._execute(("BEGIN", *statements), values)

    def last(self, *statements: str, **values: Any) -> None:
        """Execute the statements, and commit."""
        self._execute((*statements, "COMMIT"), values)
        self._is_open = False

    def roll_back(self) -> None:
        """Roll back what is open; without an answer the connection is given up."""
        if self._is_open:
            try:
                self.connection.exec_driver_sql("ROLLBACK")
            except DBAPIError:
                self.connection.invalidate()

    def _execute(self, statements: tuple[str, ...], values: dict[str, Any]) -> CursorResult[Any]:
        return self.connection.execute(text(";\n".join(statements)), values)


@contextmanager
def transaction(engine: Engine) -> Iterator[Transaction]:
    """A transaction that is rolled back unless it ended with `last`."""
    with single_statement(engine) as connection:
        opened = Transaction(connection)
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
