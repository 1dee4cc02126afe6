"""The source table as it is found in the database, by reflection."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import Inspector

from shared.errors import ConfigurationError
from shared.settings import SourceSettings

MAX_NAMES_SHOWN = 30
TIMESTAMP, ASSET = "timestamp", "asset"
# A comma separates names in a request; control characters have no place in a header.
_UNNAMEABLE = re.compile(r"[,\x00-\x1f\x7f]")
AssetKind = Literal["text", "integer", "uuid"]
# That of psycopg2 doubles every % for a statement; here the name is a parameter.
_preparer = PGDialect(paramstyle="numeric_dollar").identifier_preparer  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class SourceTable:
    """Columns to select from; every identifier that reaches SQL is one of these."""

    table: sa.TableClause
    time: str
    is_naive: bool
    zone: str
    asset: str | None
    asset_kind: AssetKind
    variables: Mapping[str, str]
    """Names and PostgreSQL types of the numeric columns, in the table's order."""
    skipped_columns: tuple[str, ...]
    """Numeric columns that no request could name."""
    unique: bool
    """No two rows share their asset and stamp: a key of the table sees to it."""
    indexed_by_asset: bool
    has_ctid: bool
    """Rows have a place of their own (`ctid`): a plain table, not a view or a set of tables."""

    @property
    def identity(self) -> tuple[str, str | None, str, str | None]:
        """What a cursor stays valid for."""
        return self.table.name, self.table.schema, self.time, self.asset


def reflect(connection: sa.Connection, settings: SourceSettings) -> SourceTable:
    """Find the table's columns and keys; `Misconfigured` names the setting that does not fit."""
    inspector = sa.inspect(connection)
    schema, _, name = settings.source_table.rpartition(".")
    found = _columns(inspector, name, schema or None)
    time = _time_column(found, settings)
    asset = settings.source_asset_column
    numeric = {n: c for n, c in found.items() if _is_numeric(c) and n not in (time, asset)}
    if not numeric:
        raise ConfigurationError(
            f"MINUANO_SOURCE_TABLE: {settings.source_table} has no numeric column"
        )
    nameable = {n: str(c["type"]).lower() for n, c in numeric.items() if _is_nameable(n, asset)}
    table = sa.table(name, *[sa.column(n) for n in found], schema=schema or None)
    keys = list(_unique_keys(inspector, name, schema or None))
    indexes = inspector.get_indexes(name, schema or None)
    stored, keyed = _storage(connection, table)
    return SourceTable(
        table=table,
        time=time,
        is_naive=not getattr(_type(found[time]), "timezone", False),
        zone=settings.source_timezone,
        asset=asset,
        asset_kind=_asset_kind(found, settings),
        variables=nameable,
        skipped_columns=tuple(n for n in numeric if n not in nameable),
        unique=keyed and any(key and _names_only(key) <= {time, asset or time} for key in keys),
        indexed_by_asset=any(
            list(key)[:1] == [asset] for key in [*keys, *(i["column_names"] for i in indexes)]
        ),
        has_ctid=stored,
    )


def _columns(inspector: Inspector, name: str, schema: str | None) -> dict[str, ReflectedColumn]:
    if not inspector.has_table(name, schema):
        there = sorted(
            [
                *inspector.get_table_names(schema),
                *inspector.get_view_names(schema),
                *inspector.get_materialized_view_names(schema),
            ]
            if schema is None or schema in inspector.get_schema_names()
            else []
        )
        where = f"schema {schema}" if schema else "this database"
        raise ConfigurationError(
            f"MINUANO_SOURCE_TABLE: no table or view {name!r} in {where}; "
            f"{_available_columns(there)}"
        )
    return {column["name"]: column for column in inspector.get_columns(name, schema)}


def _time_column(found: Mapping[str, ReflectedColumn], settings: SourceSettings) -> str:
    name = settings.source_time_column
    column = _named(found, name, "MINUANO_SOURCE_TIME_COLUMN", settings.source_table)
    if not isinstance(_type(column), sa.DateTime):
        raise ConfigurationError(
            f"MINUANO_SOURCE_TIME_COLUMN: {name} is of type {str(column['type']).lower()}; "
            "timestamp, with or without time zone, is needed"
        )
    return name


def _asset_kind(found: Mapping[str, ReflectedColumn], settings: SourceSettings) -> AssetKind:
    name = settings.source_asset_column
    if name is None:
        return "text"
    column = _named(found, name, "MINUANO_SOURCE_ASSET_COLUMN", settings.source_table)
    kinds: tuple[tuple[AssetKind, type[Any]], ...] = (
        ("text", sa.String), ("integer", sa.Integer), ("uuid", sa.Uuid),
    )  # fmt: skip
    for kind, column_type in kinds:
        if isinstance(_type(column), column_type):
            return kind
    raise ConfigurationError(
        f"MINUANO_SOURCE_ASSET_COLUMN: {name} is of type {str(column['type']).lower()}; "
        "text, an integer or uuid is needed"
    )


def _named(
    found: Mapping[str, ReflectedColumn], name: str, setting: str, table: str
) -> ReflectedColumn:
    if name not in found:
        raise ConfigurationError(
            f"{setting}: {table} has no column {name!r}; {_available_columns(found)}"
        )
    return found[name]


def _available_columns(names: Iterable[str]) -> str:
    shown = list(names)
    more = ", …" if len(shown) > MAX_NAMES_SHOWN else ""
    return f"there is {', '.join(shown[:MAX_NAMES_SHOWN]) or 'nothing'}{more}"


def _type(column: ReflectedColumn) -> sa.types.TypeEngine[Any]:
    reflected = column["type"]
    return reflected.data_type if isinstance(reflected, DOMAIN) else reflected


def _is_numeric(column: ReflectedColumn) -> bool:
    return isinstance(_type(column), sa.Integer | sa.Numeric | sa.Float)


def _is_nameable(name: str, asset: str | None) -> bool:
    taken = (TIMESTAMP, ASSET) if asset else (TIMESTAMP,)
    return name not in taken and not _UNNAMEABLE.search(name)


def _unique_keys(inspector: Inspector, name: str, schema: str | None) -> Iterable[list[str | None]]:
    yield list(inspector.get_pk_constraint(name, schema)["constrained_columns"])
    for index in inspector.get_indexes(name, schema):
        if index["unique"] and not index.get("dialect_options", {}).get("postgresql_where"):
            yield list(index["column_names"])


def _names_only(key: list[str | None]) -> set[str]:
    """The columns of a key; an expression shows as None and is no column that we know."""
    return {name or "" for name in key}


def _storage(connection: sa.Connection, table: sa.TableClause) -> tuple[bool, bool]:
    """Whether rows have one `ctid`, and whether a key holds for all of them. Tables below a table
    have their own `ctid`; partitions and Timescale's chunks share its keys, heirs do not.
    """
    quoted = _preparer.format_table(table)
    query = sa.text(
        "SELECT relkind IN ('r', 'm') AND NOT relhassubclass, relkind = 'p' OR NOT EXISTS ("
        " SELECT FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class heir ON heir.oid = inhrelid"
        " WHERE inhparent = parent.oid"
        " AND heir.relnamespace IS DISTINCT FROM to_regnamespace('_timescaledb_internal'))"
        " FROM pg_catalog.pg_class parent WHERE oid = CAST(:name AS regclass)"
    )
    stored, keyed = connection.execute(query, {"name": quoted}).one()
    return stored, keyed
