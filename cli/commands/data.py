"""`data`: read the statistics of one day or several days from the target, as a pandas table."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import select

from cli import clients, context
from cli.commands.run import Assets
from cli.console import console
from cli.options import require_day, require_names
from shared.domain.local_time import day_range
from shared.domain.time_range import ONE_DAY, DateRange
from shared.errors import NotFound
from shared.postgres.engines import postgres_errors
from shared.postgres.tables import data as data_table
from shared.postgres.tables import signal
from shared.printable import printable
from shared.setting_types import split_names
from shared.settings import SourceSettings, StatisticsSettings

if TYPE_CHECKING:
    from pandas import DataFrame

MAX_DAYS = 366
MAX_ROWS, MAX_COLUMNS = 20, 8
STDOUT = Path("-")


def data(
    date: Annotated[
        datetime,
        typer.Argument(
            formats=["%Y-%m-%d"], help="The first day, YYYY-MM-DD", callback=require_day
        ),
    ],
    days: Annotated[int, typer.Option(help="How many days", min=1, max=MAX_DAYS)] = 1,
    variables: Annotated[
        str | None, typer.Option(help="Comma-separated; by default all", callback=require_names)
    ] = None,
    assets: Assets = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write CSV into this file; - is standard output")
    ] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write Parquet into this file")] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Print all rows and columns")] = False,
) -> None:
    """Print the statistics of a day, or write them as CSV or Parquet.

    Example: minuano data 2025-12-05 --variables power --csv power.csv

    One row for each window, under its start in the time zone of the source; one column for each
    signal. Ends with 1 if the target has no data there.
    """
    period = DateRange(date.date(), date.date() + (days - 1) * ONE_DAY)
    frame = _read(period, variables=variables, assets=assets)
    if csv == STDOUT:
        sys.stdout.buffer.write(frame.to_csv().encode())  # in UTF-8, as a file
    elif csv:
        frame.to_csv(csv)
    if parquet:
        frame.to_parquet(parquet)
    for path in (csv, parquet):
        if path and path != STDOUT:
            console.print(f"{path}: {_size(frame)}", markup=False, soft_wrap=True)
    if not (csv or parquet):
        _print(frame, show_all=show_all)


def _read(period: DateRange, *, variables: str | None, assets: str | None) -> "DataFrame":
    """The values of the days: the index is the timestamp, each signal is a column."""
    import pandas as pd  # takes a third of a second, which the other commands save

    zone = context.load(SourceSettings).zone
    start, end = day_range(period.first, zone).start, day_range(period.last, zone).end
    query = (
        select(data_table.c.timestamp, signal.c.name.label("signal"), data_table.c.value)
        .join_from(data_table, signal, signal.c.id == data_table.c.signal_id)
        .where(data_table.c.timestamp >= start, data_table.c.timestamp < end)
        .where(signal.c.window_s == context.load(StatisticsSettings).window_s)
    )
    for column, names in ((signal.c.variable, variables), (signal.c.asset, assets)):
        if names is not None:
            query = query.where(column.in_(split_names(names)))
    engine = clients.target("data")
    with postgres_errors(), engine.connect() as connection:
        rows = pd.read_sql(query, connection)
    engine.dispose()
    if rows.empty:
        raise NotFound(
            f"the target has no such data for {period}: "
            f"`minuano backfill {period.first} {period.last}` computes it"
        )
    frame = rows.pivot(index="timestamp", columns="signal", values="value")
    return frame.tz_convert(zone).rename_axis(columns=None)


def _print(frame: "DataFrame", *, show_all: bool) -> None:
    text = frame.rename(columns=printable).to_string(
        max_rows=None if show_all else MAX_ROWS,
        max_cols=None if show_all else MAX_COLUMNS,
        line_width=console.width,
        float_format="{:.3f}".format,
    )
    console.print(text, markup=False, soft_wrap=True)
    cut = len(frame) > MAX_ROWS or len(frame.columns) > MAX_COLUMNS
    hint = "; --all prints all of them" if cut and not show_all else ""
    console.print(f"{_size(frame)}{hint}")


def _size(frame: "DataFrame") -> str:
    return f"{len(frame):,} windows × {len(frame.columns):,} signals"
