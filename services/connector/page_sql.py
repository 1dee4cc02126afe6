"""The SQL of a page. Identifiers come from the reflected source; all else is a parameter."""

from typing import Any

import sqlalchemy as sa

from services.connector import repeated_hour
from services.connector.columns_sql import (
    TimeColumn,
    as_float64,
    as_text,
    asset_column,
    asset_value,
    has_asset,
)
from services.connector.cursor import Key
from services.connector.data_query import PageRequest
from services.connector.source_table import ASSET, TIMESTAMP, Column, SourceTable
from shared.domain import local_time

# Our own labels; no variable has a comma in its name.
_ASSET, _TIMESTAMP, _ROW = ",asset", ",timestamp", ",row"


def page(request: PageRequest) -> sa.Select[Any]:
    """At most one row more than the page may have, ordered by asset and instant.

    If timestamps may repeat, all rows with the last key come; rows with equal keys are in the order
    in which the source delivers them.
    """
    request = repeated_hour.with_instants(request, selected_assets(request))
    table = request.table
    column = time_column(request)
    key = _key(column, request)
    rows = sa.select(*_columns(column, request)).where(
        *column.between(request.start, request.end), *selected_assets(request)
    )
    is_exact = table.is_unique and column.is_monotonic
    if request.after and len(key) > 1 and request.assets and is_exact:
        return _rest_of_assets(rows, column, request.after, request.limit + 1)
    if request.after:
        rows = rows.where(_after_key(key, column, request))
    if is_exact:
        return rows.order_by(*key).limit(request.limit + 1)
    return _with_ties(rows, key, request.limit + 1, row_order=_row_order(table))


def _row_order(table: SourceTable) -> list[Column]:
    """The order of rows with equal keys: the order column, then where a row is stored, or when it
    comes.
    """
    place = sa.literal_column("ctid") if table.has_ctid else sa.func.row_number().over()
    return [place] if table.order_column is None else [table.column(table.order_column), place]


def time_column(request: PageRequest) -> TimeColumn:
    """The time column within the range of the request."""
    table = request.table
    is_monotonic = not table.is_naive or local_time.has_constant_offset(
        table.zone, request.start, request.end
    )
    # Rounded timestamps may be equal, and an index has only those that were not rounded.
    return TimeColumn(table, is_monotonic and not table.rounding)


def _columns(time_column: TimeColumn, request: PageRequest) -> list[Column]:
    table = time_column.table
    asset = [as_text(asset_column(table)).label(ASSET)] if table.asset_column else []
    variables = [as_float64(table, v).label(v) for v in request.variables]
    return [time_column.to_instant(time_column.column).label(TIMESTAMP), *asset, *variables]


def selected_assets(request: PageRequest) -> list[Column]:
    """The conditions for the requested assets; without any, for the rows that have an asset."""
    table = request.table
    if not request.assets:
        return has_asset(table)
    column, values = asset_column(table), [asset_value(table, value) for value in request.assets]
    return [column == values[0] if len(values) == 1 else column.in_(values)]


def _key(time_column: TimeColumn, request: PageRequest) -> list[Column]:
    """The columns to order by; for a single asset only the time, so that an index on it serves."""
    if time_column.table.asset_column is None or len(request.assets) == 1:
        return [time_column.order]
    return [asset_column(time_column.table), time_column.order]


def _after_key(key: list[Column], time_column: TimeColumn, request: PageRequest) -> Column:
    after = request.after or Key(request.start)
    timestamp = time_column.to_order(after.timestamp)
    if len(key) == 1:
        return key[0] > timestamp
    value = asset_value(time_column.table, after.asset)
    if request.assets:  # as in `_rest_of_assets`, a comparison of rows would be slow
        return sa.or_(key[0] > value, sa.and_(key[0] == value, key[1] > timestamp))
    return sa.tuple_(*key) > sa.tuple_(value, timestamp)


def _rest_of_assets(
    rows: sa.Select[Any], time_column: TimeColumn, after: Key, limit: int
) -> sa.Select[Any]:
    """The rows after a key where assets are listed: the rest of its asset, then the next assets.
    PostgreSQL would look for each listed asset by reading all rows from the key on.
    """
    asset, timestamp = asset_column(time_column.table), time_column.order
    value = asset_value(time_column.table, after.asset)
    same = rows.where(asset == value, timestamp > time_column.to_order(after.timestamp))
    queries = (same.order_by(timestamp), rows.where(asset > value).order_by(asset, timestamp))
    parts = [
        query.add_columns(asset.label(_ASSET), timestamp.label(_TIMESTAMP)).limit(limit).subquery()
        for query in queries
    ]
    page = sa.union_all(*map(sa.select, parts)).subquery("page")
    columns = [column for column in page.c if column.name not in (_ASSET, _TIMESTAMP)]
    return sa.select(*columns).order_by(page.c[_ASSET], page.c[_TIMESTAMP]).limit(limit)


def _with_ties(
    rows: sa.Select[Any], key: list[Column], count: int, *, row_order: list[Column]
) -> sa.Select[Any]:
    keys = dict(zip([_TIMESTAMP] if len(key) == 1 else [_ASSET, _TIMESTAMP], key, strict=True))
    ties = {f"{_ROW}{n}": column for n, column in enumerate(row_order)}
    inner = (
        rows.add_columns(*[column.label(label) for label, column in (keys | ties).items()])
        .order_by(*key)
        .fetch(count, with_ties=True)
        .subquery("page")
    )
    return sa.select(*[c for c in inner.c if c.name not in keys | ties]).order_by(
        *[inner.c[label] for label in keys], *[inner.c[label].nulls_first() for label in ties]
    )
