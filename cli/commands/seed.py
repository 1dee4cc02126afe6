"""`seed`: write sample data into the source database."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy import make_url

from cli import context
from cli.console import console
from shared.sample_data.writer import SeedOptions, holds_rows
from shared.sample_data.writer import seed as write_samples
from shared.settings import SourceSettings

ASSET_COLUMN = "asset"
DEFAULT_ASSETS = 3

Start = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day, YYYY-MM-DD")]
Days = Annotated[int, typer.Option(help="How many days", min=1, max=36_600)]
Period = Annotated[
    float | None,
    typer.Option(
        help="Seconds between two samples; default: MINUANO_SAMPLING_PERIOD_S", min=0.1, max=600
    ),
]
Assets = Annotated[
    int | None,
    typer.Option(
        help="How many turbines; 0 makes a table without an asset column. Default: 3 if "
        "MINUANO_SOURCE_ASSET_COLUMN is set, else 0",
        min=0,
    ),
]
Gaps = Annotated[float, typer.Option(help="Share of samples that are missing", min=0, max=0.9)]
RandomSeed = Annotated[int, typer.Option(help="The same seed gives the same data")]
IfEmpty = Annotated[
    bool, typer.Option("--if-empty", help="Do nothing if the table already holds rows")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before replacing rows")]


def seed(
    start: Start = datetime(2025, 12, 1),  # noqa: DTZ001 - a day, not an instant
    days: Days = 10,
    period: Period = None,
    assets: Assets = None,
    gaps: Gaps = 0.0,
    random_seed: RandomSeed = 1,
    if_empty: IfEmpty = False,
    yes: Yes = False,
) -> None:
    """Write sample data into the source database: wind, power by a power curve, temperature.

    Example: minuano seed --days 10 --assets 3 --gaps 0.02

    It replaces all rows of the table in these days. It asks first, except for the table of the
    stack that runs in this folder. It needs the owner of the table.
    """
    source = context.load(SourceSettings)
    url = context.owner_url("source_url")
    options = seed_options(
        source, start=start.date(), days=days, period_s=period or source.sampling_period_s,
        assets=default_assets(source) if assets is None else assets, gaps=gaps,
        random_seed=random_seed,
    )  # fmt: skip
    if if_empty and holds_rows(url, options):
        console.print(f"{source.source_table} already holds rows: nothing written")
        return
    if not (yes or context.is_embedded(url)):
        typer.confirm(
            f"Replace all rows of {source.source_table} in {make_url(url).render_as_string()} "
            f"for {days} days from {start.date()}?",
            abort=True,
        )
    rows = seed_with_progress(url, options)
    console.print(f"{rows:,} samples: {days} days from {options.start}")


def default_assets(source: SourceSettings) -> int:
    """How many turbines the sample data have by default."""
    return DEFAULT_ASSETS if source.source_asset_column else 0


def seed_options(source: SourceSettings, **options: Any) -> SeedOptions:
    """Options of sample data for the table that the settings describe."""
    return SeedOptions(
        table=source.source_table,
        time_column=source.source_time_column,
        asset_column=source.source_asset_column or ASSET_COLUMN,
        **options,
    )


def seed_with_progress(url: str, options: SeedOptions) -> int:
    """Write the samples with a progress bar; return how many samples were written."""
    columns = (TextColumn("  samples     "), BarColumn(30), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=None)
        return write_samples(
            url, options, lambda done, total: progress.update(bar, completed=done, total=total)
        )
