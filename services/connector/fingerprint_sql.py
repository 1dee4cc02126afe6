"""The SQL of fingerprints: the source sums the hashes itself and delivers one row for each day."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array

from services.connector.columns_sql import TimeColumn, as_float64, as_text, asset_column
from services.connector.data_query import PageRequest
from services.connector.page_sql import selected_assets, time_column
from services.connector.source_table import ASSET

# Our own labels; no variable has a comma in its name.
DAY, ROWS, KEY = ",day", ",rows", ",key"


def is_exact(request: PageRequest) -> bool:
    """Whether no instant repeats. A key of the table must say so; local times also repeat when the
    clocks are set back.
    """
    return request.table.is_unique and time_column(request).is_monotonic


def day_sums(
    request: PageRequest, midnights: Sequence[datetime], offset: timedelta
) -> sa.Select[Any]:
    """For each asset and day: the asset in `ASSET` if there are several, the number of the day, the
    number of rows, and for each variable the sum of its hashes as text, null where all values are
    missing. Day n lies between `midnights` n and n + 1; `offset` is the time from a sample's start
    to its timestamp. `shared.domain.fingerprint` explains the hash.
    """
    rows = _rows(time_column(request), request, midnights, offset)
    sums = [
        sa.cast(sa.func.sum(sa.func.hashfloat8extended(rows.c[name], rows.c[KEY])), sa.Text)
        for name in request.variables
    ]
    keys = [*([rows.c[ASSET]] if has_several_assets(request) else []), rows.c[DAY]]
    return (
        sa.select(
            *[as_text(key).label(ASSET) for key in keys[:-1]],
            rows.c[DAY],
            sa.func.count().label(ROWS),
            *[total.label(name) for total, name in zip(sums, request.variables, strict=True)],
        )
        .group_by(*keys)
        .order_by(*keys)
    )


def has_several_assets(request: PageRequest) -> bool:
    """Whether the result has the column `ASSET`; one asset that was requested is not grouped by."""
    return request.table.asset_column is not None and len(request.assets) != 1


def _rows(
    column: TimeColumn, request: PageRequest, midnights: Sequence[datetime], offset: timedelta
) -> sa.Subquery:
    table = request.table
    edges = array([column.to_order(midnight + offset) for midnight in midnights])
    start = column.to_instant(column.column)
    if offset:
        start -= sa.literal(offset, sa.Interval)
    key = sa.func.hashfloat8extended(sa.func.date_part("epoch", start), 0)
    return (
        sa.select(
            *[asset_column(table).label(ASSET)] if has_several_assets(request) else [],
            (sa.func.width_bucket(column.order, edges) - 1).label(DAY),
            key.label(KEY),
            *[as_float64(table, v).label(v) for v in request.variables],
        )
        .where(*column.between(request.start, request.end), *selected_assets(request))
        # With OFFSET the key is computed once for a row, not once for each variable.
        .offset(0)
        .subquery("samples")
    )
