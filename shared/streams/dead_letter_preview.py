"""A bounded preview of a dead letter that is safe to show on a terminal or on a page.

The content of a dead letter is untrusted: it can be huge or undecodable, and it can contain
control characters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from shared.domain.batches import RawBatch, StatsBatch
from shared.errors import InvalidInput
from shared.printable import printable
from shared.streams.dead_letters import DeadLetter

MAX_FIELDS = 40
MAX_CHARS = 2_000
MAX_ROWS = 10
MAX_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class RowsPreview:
    """The first rows and columns of a payload, or the `error` that prevents reading it."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[float | datetime | None]] = ()
    total_rows: int = 0
    total_columns: int = 0
    error: str | None = None


def preview_fields(letter: DeadLetter, *, max_fields: int = MAX_FIELDS) -> list[tuple[str, str]]:
    """Names and values of the first fields as text; the size instead of the payload."""
    return [
        (_decode(name), f"{len(value):,} bytes" if name == b"payload" else _decode(value))
        for name, value in list(letter.fields.items())[:max_fields]
    ]


def preview_rows(
    letter: DeadLetter, *, max_rows: int = MAX_ROWS, max_columns: int = MAX_COLUMNS
) -> RowsPreview | None:
    """The beginning of the payload's table; None if the dead letter has no payload."""
    if b"payload" not in letter.fields:
        return None
    batch_type = StatsBatch if letter.stage == "loader" else RawBatch
    try:
        table = batch_type.decode(letter.fields).table
        columns: Any = [c.slice(0, max_rows).to_pylist() for c in table.columns[:max_columns]]
    except InvalidInput as error:
        return RowsPreview(error=_bounded(f"{error.reason}: {error}"))
    except (pa.ArrowException, ValueError, OverflowError) as error:  # a timestamp after year 9999
        return RowsPreview(error=_bounded(str(error)))
    names = [_bounded(name) for name in table.column_names[:max_columns]]
    rows = list(zip(*columns, strict=True))
    return RowsPreview(names, rows, table.num_rows, table.num_columns)


def _decode(value: bytes) -> str:
    text = printable(value[:MAX_CHARS].decode(errors="backslashreplace"))
    return text + "…" if len(value) > MAX_CHARS else text


def _bounded(text: str) -> str:
    return printable(text[:MAX_CHARS])
