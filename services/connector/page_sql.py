"""The SQL of a page. Identifiers come from the reflected source and are quoted by SQLAlchemy;
everything else is a parameter.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect

from services.connector.columns_sql import (
    Column,
    TimeColumn,
    as_text,
    asset_column,
    asset_value,
    has_asset,
)
from services.connector.cursor import Key
from services.connector.data_query import PageRequest
from services.connector.source_table import ASSET, TIMESTAMP, SourceTable
from shared.domain import local_time

# Labels of our own; no variable has a comma in its name.
_ASSET, _STAMP, _ROW = ",asset", ",stamp", ",row"
_dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def compiled(statement: sa.Select[Any]) -> tuple[str, tuple[Any, ...]]:
    """The text with `$1`, `$2` … and their values."""
    made = statement.compile(dialect=_dialect, compile_kwargs={"render_postcompile": True})
    values = made.construct_params()
    return str(made), tuple(values[name] for name in made.positiontup or ())


def page(source: SourceTable, ask: PageRequest) -> sa.Select[Any]:
    """One row more than the page may have, ordered by asset and instant.

    Where nothing keeps stamps unique the last group of equal ones comes whole, each group in the
    order in which the source delivers it.
    """
    straight = not source.is_naive or local_time.has_constant_offset(
        source.zone, ask.start, ask.end
    )
    axis = TimeColumn(source, straight)
    key = _key(axis, ask)
    chosen = sa.select(*_columns(axis, ask)).where(
        *axis.between(ask.start, ask.end), *_assets(source, ask)
    )
    if ask.after:
        chosen = chosen.where(_after_key(key, axis, ask.after))
    if source.unique and straight:
        return chosen.order_by(*key).limit(ask.limit + 1)
    return _with_ties(chosen, key, ask.limit + 1, place=_place(source))


def _columns(axis: TimeColumn, ask: PageRequest) -> list[Column]:
    source = axis.source
    asset = [as_text(asset_column(source)).label(ASSET)] if source.asset else []
    variables = [sa.cast(source.table.c[v], sa.Double).label(v) for v in ask.variables]
    return [axis.instant(axis.column).label(TIMESTAMP), *asset, *variables]


def _assets(source: SourceTable, ask: PageRequest) -> list[Column]:
    if not ask.assets:
        return has_asset(source)
    column, values = asset_column(source), [asset_value(source, value) for value in ask.assets]
    return [column == values[0] if len(values) == 1 else column.in_(values)]


def _key(axis: TimeColumn, ask: PageRequest) -> list[Column]:
    """One asset needs no place in the order; without it an index on the stamps alone serves."""
    if axis.source.asset is None or len(ask.assets) == 1:
        return [axis.order]
    return [asset_column(axis.source), axis.order]


def _after_key(key: list[Column], axis: TimeColumn, after: Key) -> Column:
    stamp = axis.at(after.stamp)
    if len(key) == 1:
        return key[0] > stamp
    return sa.tuple_(*key) > sa.tuple_(asset_value(axis.source, after.asset), stamp)


def _place(source: SourceTable) -> Column:
    """The source's own order of equal keys: where a row is stored, or when it is delivered."""
    if source.has_ctid:
        return sa.literal_column("ctid")
    return sa.func.row_number().over()


def _with_ties(
    chosen: sa.Select[Any], key: list[Column], rows: int, *, place: Column
) -> sa.Select[Any]:
    labels = (_STAMP,) if len(key) == 1 else (_ASSET, _STAMP)
    inner = (
        chosen.add_columns(
            *[column.label(label) for column, label in zip(key, labels, strict=True)],
            place.label(_ROW),
        )
        .order_by(*key)
        .fetch(rows, with_ties=True)
        .subquery("page")
    )
    shown = [column for column in inner.c if column.name not in (*labels, _ROW)]
    return sa.select(*shown).order_by(*[inner.c[label] for label in labels], inner.c[_ROW])
