"""Databases that come and go: every statement has a connection of its own."""

from contextlib import closing
from typing import Any

import psycopg2

from tests.e2e.pipeline import Row

CONNECT_WITHIN_S = 30


def run_in(url: str, statement: str, values: Any = None) -> list[Row]:
    """The rows of a statement that is committed at once."""
    with closing(
        psycopg2.connect(url, options="-c timezone=UTC", connect_timeout=CONNECT_WITHIN_S)
    ) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []


def inserting(rows: list[Row]) -> str:
    """The statement that puts samples of an asset into the source."""
    values = ", ".join(
        f"('{asset}', '{stamp.isoformat()}', {wind!r}, {power!r}, {temperature!r})"
        for asset, stamp, wind, power, temperature in rows
    )
    return f"INSERT INTO data VALUES {values}"
