"""`migrate` and `seed`."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy import make_url

from cli import context
from cli.console import console
from shared.postgres import engines, schema_version
from shared.sample_data.writer import SeedOptions, holds_rows
from shared.sample_data.writer import seed as write_samples
from shared.settings import SourceSettings

ASSET_COLUMN = "asset"
SAMPLE_ASSETS = 3


def migrate() -> None:
    """Bring the target database to the schema of this release.

    Example: MINUANO_TARGET_URL=postgresql://owner@host/target minuano migrate

    Safe to run again, and at the same time. Needs the owner of the tables.
    """
    engine = engines.connect(context.owner_url("target_url"), application="migrate")
    with engines.postgres_errors():
        with engine.connect() as connection:
            before = schema_version.current(connection)
        schema_version.upgrade(engine)
    after = schema_version.head()
    console.print(f"target schema: {before or 'empty'} → {after}" if before != after else
                  f"target schema: {after}, nothing to do")  # fmt: skip


def seed(
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day, YYYY-MM-DD")
    ] = datetime(2025, 12, 1),  # noqa: DTZ001 - a day, not an instant
    days: Annotated[int, typer.Option(help="How many days", min=1, max=36_600)] = 10,
    period: Annotated[
        float | None,
        typer.Option(
            help="Seconds from one sample to the next; default: MINUANO_SAMPLING_PERIOD_S",
            min=0.1,
            max=600,
        ),
    ] = None,
    assets: Annotated[
        int | None,
        typer.Option(
            help="Turbines; 0 makes the plain table without a column. By default 3 if "
            "MINUANO_SOURCE_ASSET_COLUMN is set, else 0",
            min=0,
        ),
    ] = None,
    gaps: Annotated[float, typer.Option(help="Share of samples missing", min=0, max=0.9)] = 0.0,
    random_seed: Annotated[int, typer.Option(help="The same seed gives the same data")] = 1,
    if_empty: Annotated[
        bool, typer.Option("--if-empty", help="Leave a table alone that holds rows")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before replacing")] = False,
) -> None:
    """Write sample data into the source database: wind, power by a power curve, temperature.

    Example: minuano seed --days 10 --assets 3 --gaps 0.02

    It replaces whatever the table holds in the period, and asks first unless the table is that of
    the stack that runs here. Needs the owner of the table.
    """
    source = context.load(SourceSettings)
    url = context.owner_url("source_url")
    options = seed_options(
        source, start=start.date(), days=days, period_s=period or source.sampling_period_s,
        assets=sample_assets(source) if assets is None else assets, gaps=gaps,
        random_seed=random_seed,
    )  # fmt: skip
    if if_empty and holds_rows(url, options):
        console.print(f"{source.source_table} holds rows: left alone")
        return
    if not (yes or context.is_embedded(url)):
        typer.confirm(
            f"Replace all rows of {source.source_table} in {make_url(url).render_as_string()} "
            f"for {days} days from {start.date()}?",
            abort=True,
        )
    rows = seed_with_progress(url, options)
    console.print(f"{rows:,} samples: {days} days from {options.start}")


def sample_assets(source: SourceSettings) -> int:
    """How many turbines the sample data have where nobody says it."""
    return SAMPLE_ASSETS if source.source_asset_column else 0


def seed_options(source: SourceSettings, **chosen: Any) -> SeedOptions:
    """Sample data for the table that the settings describe."""
    return SeedOptions(
        table=source.source_table,
        time_column=source.source_time_column,
        asset_column=source.source_asset_column or ASSET_COLUMN,
        **chosen,
    )


def seed_with_progress(url: str, options: SeedOptions) -> int:
    """Write the samples and show how far it is; return how many were written."""
    columns = (TextColumn("  samples     "), BarColumn(30), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=None)
        return write_samples(
            url, options, lambda done, total: progress.update(bar, completed=done, total=total)
        )
