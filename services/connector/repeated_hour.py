"""Local times that occur twice, because the clocks are set back: an order column tells the two
apart.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from services.connector.columns_sql import TimeColumn, asset_column
from services.connector.data_query import PageRequest
from services.connector.source_table import Column, SourceTable
from shared.domain import local_time


def with_instants(request: PageRequest, selected: Sequence[Column]) -> PageRequest:
    """The request to a table with instants instead of local times, if local times repeat in its
    range and the table can tell them apart; else the request itself. `selected` are the conditions
    for its assets.

    Of several rows of an asset with the same repeated local time, the first one by the order column
    was sampled before the clocks were set back, and the others after that.
    """
    table = request.table
    if not table.is_naive or table.order_column is None or table.is_unique:
        return request
    repeated = local_time.repeated_times(table.zone, request.start, request.end)
    if not repeated:
        return request
    time_column = TimeColumn(table, is_monotonic=False)
    names = {table.asset_column, table.order_column, *request.variables} - {None}
    rows = (
        sa.select(
            _instant(time_column, repeated).label(table.time_column),
            *[table.column(str(name)) for name in names],
            *[place.label("ctid") for place in _places(table)],
        )
        .where(*time_column.near(request.start, request.end), *selected)
        .subquery("instants")
    )
    return replace(request, table=replace(table, clause=cast(Any, rows), is_naive=False))


def _instant(time_column: TimeColumn, repeated: Sequence[local_time.RepeatedTimes]) -> Column:
    table, column = time_column.table, time_column.column
    order = table.column(str(table.order_column)).nulls_first()
    window: dict[str, Any] = {
        "partition_by": [column, *([asset_column(table)] if table.asset_column else [])],
        "order_by": [order, *_places(table)],
    }
    one: Column = sa.literal_column("1")
    is_first = sa.and_(
        sa.func.row_number().over(**window) == one, sa.func.lead(one).over(**window) == one
    )
    later = sa.func.timezone(time_column.zone, column)
    cases: list[Any] = [
        (
            sa.and_(column >= _local(times.first), column < _local(times.end), is_first),
            later - sa.literal(times.shift, sa.Interval),
        )
        for times in repeated
    ]
    return sa.case(*cases, else_=later)


def _places(table: SourceTable) -> list[Column]:
    """Where a row is stored, if the table tells."""
    return [sa.literal_column("ctid")] if table.has_ctid else []


def _local(time: datetime) -> Column:
    return sa.literal_column(f"timestamp '{time.isoformat()}'")
