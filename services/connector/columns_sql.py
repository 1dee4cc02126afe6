"""The time column and the asset column of the source as SQL expressions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.connector.source_table import Column, SourceTable
from shared.domain import local_time

# A smaller number is rounded to 0, a larger one to infinity.
_SMALLEST: Column = sa.literal_column("'2.4703282292062328e-324'::numeric")
_LARGEST: Column = sa.literal_column("'1.7976931348623158e308'::numeric")
EPOCH = "timestamptz 'epoch'"
# Wider than the difference between any two offsets of one zone.
MARGIN = "2 days"


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """The time column in one query."""

    table: SourceTable
    is_monotonic: bool = True
    """The stored values are in the order of their instants, so the column's index serves order and
    limit.
    """

    @property
    def column(self) -> Column:
        return self.table.column(self.table.time_column)

    @property
    def order(self) -> Column:
        """The expression to order and to compare by."""
        return self.column if self.is_monotonic else self.to_instant(self.column)

    def to_instant(self, timestamp: Column) -> Column:
        """A stored timestamp as an instant, rounded. PostgreSQL takes local times that the clocks
        skip or repeat as standard time.
        """
        if self.table.is_naive:
            timestamp = sa.func.timezone(self.zone, timestamp)
        if self.table.rounding:
            step, half = (sa.literal(t, sa.Interval) for t in (self.table.rounding, self._half))
            timestamp = sa.func.date_bin(step, timestamp + half, sa.literal_column(EPOCH))
        return timestamp

    def to_order(self, instant: datetime) -> Column:
        """An instant as a value that can be compared with `order`."""
        return self._stored(instant) if self.is_monotonic else _literal(instant)

    def between(self, start: datetime, end: datetime) -> list[Column]:
        """start <= timestamp < end. Where `order` has no index, two more conditions on the column
        narrow the search.
        """
        conditions = [self.order >= self.to_order(start), self.order < self.to_order(end)]
        return conditions if self.is_monotonic else [*conditions, *self.near(start, end)]

    def near(self, start: datetime, end: datetime) -> list[Column]:
        """Conditions on the column that all rows between two instants fulfil, and few others."""
        margin: Column = sa.literal_column(f"interval '{MARGIN}'")
        first, last = self._stored(start), self._stored(end)
        return [self.column >= first - margin, self.column < last + margin]

    def all_time(self) -> list[Column]:
        """All instants that Python can hold; a timestamp may also be `infinity`."""
        return TimeColumn(self.table).between(local_time.EARLIEST, local_time.LATEST)

    def _stored(self, instant: datetime) -> Column:
        """An instant as the column has it."""
        value = _literal(instant)
        return sa.func.timezone(self.zone, value) if self.table.is_naive else value

    @property
    def _half(self) -> timedelta:
        return self.table.rounding / 2

    @property
    def zone(self) -> Column:
        """The time zone of naive timestamps, as a parameter."""
        return sa.bindparam("zone", self.table.zone, type_=sa.Text())


def _literal(instant: datetime) -> Column:
    return sa.literal(instant, sa.DateTime(timezone=True))


def asset_column(table: SourceTable) -> Column:
    """The asset column of a source that has one. A domain over an enum has no operators."""
    column = table.column(str(table.asset_column))
    return sa.cast(column, table.asset_type) if table.asset_kind == "enum" else column


def as_text(asset: Column) -> Column:
    """An asset as the connector delivers it."""
    return sa.cast(asset, sa.Text)


def asset_value(table: SourceTable, value: Any) -> Column:
    """A parameter of the column's kind, without the length limit of the column's type."""
    match table.asset_kind:
        case "text":
            return sa.literal(value, sa.Text)
        case "integer":
            return sa.literal(int(value), sa.BigInteger)
        case "uuid":
            return sa.cast(sa.literal(value, sa.Text), sa.UUID)
        case "enum":
            return _enum_value(table, sa.literal(value, sa.Text))


def _enum_value(table: SourceTable, label: Column) -> Column:
    """The value with this label; null if there is none, where a cast would be an error."""
    all_values = sa.func.enum_range(sa.cast(sa.null(), table.asset_type))
    value: Column = sa.func.unnest(all_values).column_valued("value")
    return sa.select(value).where(as_text(value) == label).scalar_subquery()


def as_float64(table: SourceTable, variable: str) -> Column:
    """A variable as the connector delivers it. PostgreSQL refuses a number that float64 cannot
    hold, and the whole query with it; here it is infinite, or 0 if it is too small.
    """
    column = table.column(variable)
    if variable not in table.beyond_float64:
        return sa.cast(column, sa.Double)
    size: Column = sa.func.abs(column)
    infinity: Column = sa.literal_column("'Infinity'::float8")
    return sa.case(
        (size.between(_SMALLEST, _LARGEST), sa.cast(column, sa.Double)),
        (size < _SMALLEST, sa.literal_column("0::float8")),
        else_=sa.cast(sa.func.sign(column), sa.Double) * infinity,  # NaN stays NaN
    )


def has_asset(table: SourceTable) -> list[Column]:
    """Excludes the rows whose asset is null or empty; the connector does not deliver them."""
    if table.asset_column is None:
        return []
    column = asset_column(table)
    return [column.is_not(None), *([column != ""] if table.asset_kind == "text" else [])]
