"""The one console of the command line."""

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)
complaints = Console(stderr=True, highlight=False)


def table(*columns: str, title: str | None = None, numbers: tuple[str, ...] = ()) -> Table:
    """A plain table; the columns in `numbers` are set to the right."""
    made = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left")
    return made
