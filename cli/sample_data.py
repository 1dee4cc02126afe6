"""Sample data for the table that the settings describe."""

from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.console import console
from shared.sample_data.writer import SeedOptions
from shared.sample_data.writer import seed as write_samples
from shared.settings import SourceSettings

ASSET_COLUMN = "asset"
DEFAULT_ASSETS = 3


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
