"""Databases with another encoding than UTF-8. Sessions use UTF-8, and PostgreSQL converts."""

from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import encodings
from sqlalchemy import Connection

CLIENT_ENCODING = {"client_encoding": "UTF8"}
"""The option of every session."""
NO_ENCODING = "the database has no encoding (SQL_ASCII): create it with ENCODING 'UTF8'"


def storable(connection: Connection, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with a question mark for NUL and for each character that the database's encoding
    does not have: for texts that must be stored whatever they contain, such as the error of a job.
    """
    driver: Any = connection.connection.dbapi_connection
    codec = encodings.get(driver.info.parameter_status("server_encoding"), "utf-8")
    return {
        name: _storable(value, codec) if isinstance(value, str) else value
        for name, value in values.items()
    }


def _storable(text: str, codec: str) -> str:
    return text.replace("\0", "?").encode(codec, "replace").decode(codec)
