"""The consoles and the tables of the command line."""

import codecs
import io
import os
import sys
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from shared.printable import printable, printable_lines

# A pipe or a file has no width; programs that read it expect whole lines.
PIPE_WIDTH = 240

_to_pipe = not sys.stdout.isatty() and not os.environ.get("COLUMNS")


class PrintableConsole(Console):
    """Shows escapes instead of control characters: an error or a name may come from a stranger, and
    control characters can change what the terminal shows or does.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable_lines(text), **options)


console = PrintableConsole(highlight=False, width=PIPE_WIDTH if _to_pipe else None)
error_console = PrintableConsole(stderr=True, highlight=False)


# For a terminal that cannot show them, for example with PYTHONIOENCODING=ascii.
ASCII = {"✓": "+", "✗": "x", "→": "->", "…": "...", "–": "-", "×": "x", "°": " degrees"}


def use_any_encoding() -> None:
    """Write other characters where the terminal cannot show ours, instead of an error."""
    codecs.register_error("minuano", _substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="minuano")


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(ASCII.get(character, "?") for character in characters), error.end


def table(*columns: str, numbers: tuple[str, ...] = (), wraps: str = "") -> Table:
    """An empty table. The columns in `numbers` are aligned to the right; the column `wraps` wraps
    where the screen is too narrow.
    """
    rows = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        justify: JustifyMethod = "right" if name in numbers else "left"
        rows.add_column(name, justify=justify, no_wrap=name != wraps, overflow="fold")
    return rows


def one_line(text: str) -> Text:
    """Text that a stranger wrote, in one line of a table."""
    return Text(printable(text), no_wrap=True, overflow="ellipsis")
