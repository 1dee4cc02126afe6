"""The source table, reflected from the database."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
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
# A comma separates names in a request; a header cannot contain control characters.
_FORBIDDEN = re.compile(r"[,\x00-\x1f\x7f]")
AssetKind = Literal["text", "integer", "uuid", "enum"]
FLOAT64_DIGITS = 307
"""Every number with so many digits before and after the point is in the range of float64."""
NUMBERS = (sa.Integer, sa.Numeric, sa.Float)
Column = sa.ColumnElement[Any]
Columns = Mapping[str, ReflectedColumn]
# The preparer of psycopg2 doubles every % for a statement; here the name is a parameter.
_preparer = PGDialect(paramstyle="numeric_dollar").identifier_preparer  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class SourceTable:
    """The table and its columns; every identifier in our SQL comes from here."""

    clause: sa.TableClause
    time_column: str
    is_naive: bool
    """The time column has no time zone: its values are local times of `zone`."""
    zone: str
    rounding: timedelta
    """Timestamps are rounded to the nearest multiple; 0 leaves them as they are."""
    asset_column: str | None
    asset_kind: AssetKind
    asset_type: sa.types.TypeEngine[Any]
    """The type of the asset column; of a domain, the type below it."""
    order_column: str | None
    """Of rows with one timestamp, the one with the largest value is the last."""
    variables: Mapping[str, str]
    """Names and PostgreSQL types of the numeric columns, in the table's order."""
    beyond_float64: frozenset[str]
    """Variables of type numeric, whose values may be too large or too small for float64."""
    skipped_columns: tuple[str, ...]
    """Numeric columns with names that a request cannot contain, or that the role may not read."""
    is_unique: bool
    """A key of the table guarantees that no two rows share their asset and timestamp."""
    indexed_by_asset: bool
    has_ctid: bool
    """`ctid` identifies a row and can be read: it is a plain table, not a view or a set of tables,
    and the role has SELECT on the whole table.
    """

    @property
    def identity(self) -> tuple[str, str | None, str, str | None]:
        """A cursor is valid only for a table with the same identity."""
        return self.clause.name, self.clause.schema, self.time_column, self.asset_column

    def column(self, name: str) -> Column:
        """A column of the table in SQL."""
        return self.clause.c[name]


def reflect(connection: sa.Connection, settings: SourceSettings) -> SourceTable:
    """Read the table's columns and keys; `ConfigurationError` names the setting that is wrong."""
    inspector = sa.inspect(connection)
    schema, _, name = settings.source_table.rpartition(".")
    columns = _columns(inspector, name, schema or None)
    time_column, asset_column = _time_column(columns, settings), settings.source_asset_column
    numeric = _numeric_columns(columns, settings)
    clause = sa.table(name, *[sa.column(n) for n in columns], schema=schema or None)
    keys = list(_unique_keys(inspector, name, schema or None))
    indexes = [index["column_names"] for index in inspector.get_indexes(name, schema or None)]
    has_ctid, is_keyed, unreadable = _storage(connection, clause)
    usable = {
        n: c for n, c in numeric.items() if n not in unreadable and _is_usable(n, asset_column)
    }
    key_columns = {time_column, asset_column or time_column}
    return SourceTable(
        clause=clause,
        time_column=time_column,
        is_naive=not getattr(_type(columns[time_column]), "timezone", False),
        zone=settings.source_timezone,
        rounding=timedelta(seconds=settings.source_rounding_s),
        asset_column=asset_column,
        asset_kind=_asset_kind(columns, settings),
        asset_type=_type(columns[asset_column]) if asset_column else sa.Text(),
        order_column=_order_column(columns, settings),
        variables={n: str(c["type"]).lower() for n, c in usable.items()},
        beyond_float64=frozenset(n for n, c in usable.items() if _may_exceed_float64(c)),
        skipped_columns=tuple(n for n in numeric if n not in usable),
        is_unique=is_keyed and any(key and set(key) <= key_columns for key in keys),
        indexed_by_asset=any(list(key)[:1] == [asset_column] for key in [*keys, *indexes]),
        has_ctid=has_ctid,
    )


def _columns(inspector: Inspector, name: str, schema: str | None) -> Columns:
    if not inspector.has_table(name, schema):
        tables = [
            *inspector.get_table_names(schema),
            *inspector.get_view_names(schema),
            *inspector.get_materialized_view_names(schema),
        ]
        where = f"schema {schema}" if schema else "this database"
        raise ConfigurationError(
            f"MINUANO_SOURCE_TABLE: no table or view {name!r} in {where}; "
            f"{_list_names(sorted(tables))}"
        )
    return {column["name"]: column for column in inspector.get_columns(name, schema)}


def _numeric_columns(columns: Columns, settings: SourceSettings) -> Columns:
    others = (
        settings.source_time_column, settings.source_asset_column, settings.source_order_column
    )  # fmt: skip
    numeric = {
        n: c for n, c in columns.items() if isinstance(_type(c), NUMBERS) and n not in others
    }
    if not numeric:
        raise ConfigurationError(
            f"MINUANO_SOURCE_TABLE: {settings.source_table} has no numeric column"
        )
    return numeric


def _time_column(columns: Columns, settings: SourceSettings) -> str:
    name = settings.source_time_column
    column = _require_column(columns, name, "MINUANO_SOURCE_TIME_COLUMN", settings.source_table)
    if not isinstance(_type(column), sa.DateTime):
        raise ConfigurationError(
            f"MINUANO_SOURCE_TIME_COLUMN: {name} is of type {str(column['type']).lower()}; "
            "it must be a timestamp, with or without time zone"
        )
    return name


def _asset_kind(columns: Columns, settings: SourceSettings) -> AssetKind:
    name = settings.source_asset_column
    if name is None:
        return "text"
    column = _require_column(columns, name, "MINUANO_SOURCE_ASSET_COLUMN", settings.source_table)
    kinds: dict[AssetKind, type] = {  # an Enum is also a String
        "enum": sa.Enum, "text": sa.String, "integer": sa.Integer, "uuid": sa.Uuid,
    }  # fmt: skip
    for kind, column_type in kinds.items():
        if isinstance(_type(column), column_type):
            return kind
    raise ConfigurationError(
        f"MINUANO_SOURCE_ASSET_COLUMN: {name} is of type {str(column['type']).lower()}; "
        "it must be text, an integer, a uuid or an enum"
    )


def _order_column(columns: Columns, settings: SourceSettings) -> str | None:
    name = settings.source_order_column
    if name is None:
        return None
    column = _require_column(columns, name, "MINUANO_SOURCE_ORDER_COLUMN", settings.source_table)
    if not isinstance(_type(column), (*NUMBERS, sa.DateTime)):
        raise ConfigurationError(
            f"MINUANO_SOURCE_ORDER_COLUMN: {name} is of type {str(column['type']).lower()}; "
            "it must be a number or a timestamp"
        )
    return name


def _require_column(columns: Columns, name: str, setting: str, table: str) -> ReflectedColumn:
    if name not in columns:
        raise ConfigurationError(
            f"{setting}: {table} has no column {name!r}; {_list_names(columns)}"
        )
    return columns[name]


def _list_names(names: Iterable[str]) -> str:
    shown = list(names)
    more = ", …" if len(shown) > MAX_NAMES_SHOWN else ""
    return f"available: {', '.join(shown[:MAX_NAMES_SHOWN]) or 'none'}{more}"


def _type(column: ReflectedColumn) -> sa.types.TypeEngine[Any]:
    reflected = column["type"]
    while isinstance(reflected, DOMAIN):  # of a domain, too
        reflected = reflected.data_type
    return reflected


def _is_usable(name: str, asset_column: str | None) -> bool:
    """Whether the name can stand in a request and differs from the columns of a response."""
    reserved = (TIMESTAMP, ASSET) if asset_column else (TIMESTAMP,)
    return name not in reserved and not _FORBIDDEN.search(name)


def _may_exceed_float64(column: ReflectedColumn) -> bool:
    type_ = _type(column)
    if isinstance(type_, sa.Float) or not isinstance(type_, sa.Numeric):
        return False
    return not type_.precision or max(type_.precision, type_.scale or 0) > FLOAT64_DIGITS


def _unique_keys(inspector: Inspector, name: str, schema: str | None) -> Iterable[list[str | None]]:
    """The columns of each key; None instead of an expression."""
    yield list(inspector.get_pk_constraint(name, schema)["constrained_columns"])
    for index in inspector.get_indexes(name, schema):
        if index["unique"] and not index.get("dialect_options", {}).get("postgresql_where"):
            yield list(index["column_names"])


def _storage(connection: sa.Connection, clause: sa.TableClause) -> tuple[bool, bool, list[str]]:
    """Whether `ctid` identifies a row, whether a key holds for all rows, and the columns that the
    role may not read while it may read others. Child tables have their own `ctid`, which only a
    role with SELECT on the table may read; partitions and Timescale's chunks share the keys of
    their parent, tables that inherit from it do not.
    """
    quoted = _preparer.format_table(clause)
    query = sa.text(
        "SELECT relkind IN ('r', 'm') AND NOT relhassubclass"
        " AND has_table_privilege(parent.oid, 'SELECT'), relkind = 'p' OR NOT EXISTS ("
        " SELECT FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class child ON child.oid = inhrelid"
        " WHERE inhparent = parent.oid"
        " AND child.relnamespace IS DISTINCT FROM to_regnamespace('_timescaledb_internal')),"
        " ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = parent.oid"
        " AND attnum > 0 AND NOT attisdropped AND has_any_column_privilege(parent.oid, 'SELECT')"
        " AND NOT has_column_privilege(parent.oid, attnum, 'SELECT'))"
        " FROM pg_catalog.pg_class parent WHERE oid = CAST(:name AS regclass)"
    )
    has_ctid, is_keyed, unreadable = connection.execute(query, {"name": quoted}).one()
    return has_ctid, is_keyed, unreadable
