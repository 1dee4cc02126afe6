"""Time and assets of the source as SQL expressions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.connector.source_table import SourceTable
from shared.domain import local_time

# Wider than the difference between any two offsets of one zone.
MARGIN = "2 days"

Column = sa.ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """The time column as one query has to see it."""

    source: SourceTable
    is_monotonic: bool = True
    """The column's own order is that of the instants, so its index serves order and limit."""

    @property
    def column(self) -> Column:
        return self.source.table.c[self.source.time]

    @property
    def order(self) -> Column:
        return self.column if self.is_monotonic else self.instant(self.column)

    def instant(self, stamp: Column) -> Column:
        """A stamp as an instant. Local ones that the clocks skip or repeat count as standard time:
        PostgreSQL's rule.
        """
        return sa.func.timezone(self._zone, stamp) if self.source.is_naive else stamp

    def at(self, instant: datetime) -> Column:
        """An instant in terms of `order`."""
        value = _instant(instant)
        if self.source.is_naive and self.is_monotonic:
            return sa.func.timezone(self._zone, value)
        return value

    def between(self, start: datetime, end: datetime) -> list[Column]:
        """The range; where `order` has no index, the column narrows the search."""
        found = [self.order >= self.at(start), self.order < self.at(end)]
        if not self.is_monotonic:
            margin: Column = sa.literal_column(f"interval '{MARGIN}'")
            first, last = (sa.func.timezone(self._zone, _instant(i)) for i in (start, end))
            found += [self.column >= first - margin, self.column < last + margin]
        return found

    def all_time(self) -> list[Column]:
        """All instants that have a date; stamps may also be `infinity`."""
        return TimeColumn(self.source).between(local_time.EARLIEST, local_time.LATEST)

    @property
    def _zone(self) -> Column:
        return sa.bindparam("zone", self.source.zone, type_=sa.Text())


def _instant(instant: datetime) -> Column:
    return sa.literal(instant, sa.DateTime(timezone=True))


def asset_column(source: SourceTable) -> Column:
    """The asset column of a source that has one."""
    return source.table.c[str(source.asset)]


def as_text(asset: Column) -> Column:
    """An asset as it is delivered."""
    return sa.cast(asset, sa.Text)


def asset_value(source: SourceTable, value: Any) -> Column:
    """A parameter of the column's kind; a length limit of its type does not cut the value."""
    match source.asset_kind:
        case "text":
            return sa.literal(value, sa.Text)
        case "integer":
            return sa.literal(int(value), sa.BigInteger)
        case "uuid":
            return sa.cast(sa.literal(value, sa.Text), sa.UUID)


def has_asset(source: SourceTable) -> list[Column]:
    """A row without an asset (null or empty) belongs to none and is not delivered."""
    if source.asset is None:
        return []
    column = asset_column(source)
    return [column.is_not(None), *([column != ""] if source.asset_kind == "text" else [])]
