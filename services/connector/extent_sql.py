"""The SQL of the overview: which assets there are, and from when to when."""

from typing import Any

import sqlalchemy as sa

from services.connector.columns_sql import Column, TimeColumn, as_text, asset_column, has_asset
from services.connector.source_table import ASSET, SourceTable


def assets(source: SourceTable) -> sa.Select[Any]:
    """The assets that have samples, as text in a column `asset`, in the source's order."""
    each = _each_asset(source)
    return sa.select(as_text(each.c.asset).label(ASSET)).order_by(each.c.asset)


def extent(source: SourceTable) -> sa.Select[Any]:
    """`first` and `last` instant, with `asset` where the source has them; null where empty."""
    axis = TimeColumn(source)
    bounds: list[Any] = [sa.func.min(axis.column), sa.func.max(axis.column)]
    if source.asset is None:
        return sa.select(*_labelled(axis, bounds)).where(*axis.all_time())
    column = asset_column(source)
    if not source.indexed_by_asset:
        grouped = sa.select(as_text(column).label(ASSET), *_labelled(axis, bounds))
        return grouped.where(*axis.all_time(), *has_asset(source)).group_by(column).order_by(column)
    each = _each_asset(source)
    ends = [
        sa.select(bound).where(*axis.all_time(), column == each.c.asset).scalar_subquery()
        for bound in bounds
    ]
    shown = sa.select(as_text(each.c.asset).label(ASSET), *_labelled(axis, ends))
    return shown.order_by(each.c.asset)


def _labelled(axis: TimeColumn, bounds: list[Any]) -> list[Column]:
    first, last = (axis.instant(bound) for bound in bounds)
    return [first.label("first"), last.label("last")]


def _each_asset(source: SourceTable) -> sa.FromClause:
    """Distinct assets. With an index that leads with them it is read by skipping from one to the
    next (wiki.postgresql.org/wiki/Loose_indexscan), not by reading every row.
    """
    column = asset_column(source)
    labelled = sa.select(column.label(ASSET)).where(*has_asset(source))
    if not source.indexed_by_asset:
        return labelled.distinct().subquery("each")
    first = labelled.order_by(column).limit(1).subquery("first")
    steps = sa.select(first.c.asset).cte("steps", recursive=True)
    beyond = sa.select(column).where(column > steps.c.asset).order_by(column).limit(1)
    steps = steps.union_all(
        sa.select(beyond.scalar_subquery()).where(steps.c.asset.is_not(None)),
    )
    return sa.select(steps.c.asset).where(steps.c.asset.is_not(None)).subquery("each")
