"""The SQL of the assets and the extent of the source."""

from typing import Any

import sqlalchemy as sa

from services.connector.columns_sql import TimeColumn, as_text, asset_column, has_asset
from services.connector.source_table import ASSET, Column, SourceTable


def assets(table: SourceTable) -> sa.Select[Any]:
    """The assets that have samples, as text in a column `asset`, in the column's order."""
    distinct = _distinct_assets(table)
    return sa.select(as_text(distinct.c.asset).label(ASSET)).order_by(distinct.c.asset)


def extent(table: SourceTable) -> sa.Select[Any]:
    """`first` and `last` instant, and `asset` where the source has assets; null if there are no
    samples.
    """
    time_column = TimeColumn(table)
    bounds: list[Any] = [sa.func.min(time_column.column), sa.func.max(time_column.column)]
    all_time = time_column.all_time()
    if table.asset_column is None:
        return sa.select(*_labelled(time_column, bounds)).where(*all_time)
    column = asset_column(table)
    if not table.indexed_by_asset:
        grouped = sa.select(as_text(column).label(ASSET), *_labelled(time_column, bounds))
        return grouped.where(*all_time, *has_asset(table)).group_by(column).order_by(column)
    distinct = _distinct_assets(table)
    asset_bounds = [
        sa.select(bound).where(*all_time, column == distinct.c.asset).scalar_subquery()
        for bound in bounds
    ]
    asset = as_text(distinct.c.asset).label(ASSET)
    return sa.select(asset, *_labelled(time_column, asset_bounds)).order_by(distinct.c.asset)


def _labelled(time_column: TimeColumn, bounds: list[Any]) -> list[Column]:
    first, last = (time_column.to_instant(bound) for bound in bounds)
    return [first.label("first"), last.label("last")]


def _distinct_assets(table: SourceTable) -> sa.FromClause:
    """The distinct assets. If an index begins with the asset column, the query skips from each
    asset to the next (wiki.postgresql.org/wiki/Loose_indexscan) instead of reading every row.
    """
    column = asset_column(table)
    labelled = sa.select(column.label(ASSET)).where(*has_asset(table))
    if not table.indexed_by_asset:
        return labelled.distinct().subquery("assets")
    first = labelled.order_by(column).limit(1).subquery("first")
    steps = sa.select(first.c.asset).cte("steps", recursive=True)
    following = sa.select(column).where(column > steps.c.asset).order_by(column).limit(1)
    steps = steps.union_all(
        sa.select(following.scalar_subquery()).where(steps.c.asset.is_not(None)),
    )
    return sa.select(steps.c.asset).where(steps.c.asset.is_not(None)).subquery("assets")
