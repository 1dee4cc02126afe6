"""The one console of the command line."""

import os
import sys

from rich.console import Console, JustifyMethod
from rich.table import Table

# A pipe or a file has no width: whoever reads it wants whole lines.
WIDE = 240

_ends_in_file = not sys.stdout.isatty() and not os.environ.get("COLUMNS")
console = Console(highlight=False, width=WIDE if _ends_in_file else None)
complaints = Console(stderr=True, highlight=False)


def table(*columns: str, numbers: tuple[str, ...] = (), free: str = "") -> Table:
    """A plain table. The columns in `numbers` are set to the right; the column `free` gives way
    where the screen is too narrow.
    """
    made = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        justify: JustifyMethod = "right" if name in numbers else "left"
        made.add_column(name, justify=justify, no_wrap=name != free, overflow="fold")
    return made
