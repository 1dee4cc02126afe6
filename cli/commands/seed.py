"""`seed`: write sample data into the source database."""

from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import make_url

from cli import context
from cli.console import console
from cli.options import require_day
from cli.sample_data import default_assets, seed_options, seed_with_progress
from shared.sample_data.writer import holds_rows
from shared.settings import SourceSettings

Start = Annotated[
    datetime,
    typer.Option(formats=["%Y-%m-%d"], help="The first day, YYYY-MM-DD", callback=require_day),
]
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
RandomSeed = Annotated[int, typer.Option(help="The same seed gives the same data", min=0)]
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
