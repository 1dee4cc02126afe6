"""A query as one text, with its values as literals: PostgreSQL's COPY has no parameters."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect

_dialect = PGDialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]


def sql_text(statement: sa.Select[Any]) -> str:
    """The text of the query. SQLAlchemy quotes the identifiers, `literal` the values."""
    compiled = statement.compile(dialect=_dialect, compile_kwargs={"render_postcompile": True})
    return str(compiled) % {name: literal(v) for name, v in compiled.construct_params().items()}


def literal(value: object) -> str:
    """The value in SQL, for a session with `standard_conforming_strings`; TypeError for other
    types, ValueError for a text with NUL, at which the driver would end the query.
    """
    match value:
        case str():
            return _quoted(value)
        case int():
            return f"{_quoted(str(value))}::bigint"
        case datetime():
            return f"{_quoted(value.isoformat())}::timestamptz"
        case timedelta():
            return f"{_quoted(f'{value // timedelta(microseconds=1)} microseconds')}::interval"
        case _:
            raise TypeError(f"no SQL literal for {type(value).__name__}")


def _quoted(text: str) -> str:
    if "\0" in text:
        raise ValueError("PostgreSQL has no text with NUL")
    return "'" + text.replace("'", "''") + "'"
