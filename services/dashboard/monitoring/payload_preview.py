"""What is in a dead letter: its fields and the first rows of its table, whatever they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from shared.domain.batches import RawBatch, StatsBatch
from shared.errors import InvalidInput
from shared.streams.dead_letters import DeadLetter

FIRST_ROWS = 10
MAX_FIELDS = 40
MAX_CHARS = 2_000
MAX_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class PayloadRows:
    """The beginning of a table; `error` instead where it can't be read."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[float | datetime | None]] = ()
    all_rows: int = 0
    all_columns: int = 0
    error: str | None = None


def fields(letter: DeadLetter) -> list[tuple[str, str]]:
    """Names and values as text; of the payload its size."""
    return [
        (_text(name), f"{len(value):,} bytes" if name == b"payload" else _text(value))
        for name, value in list(letter.fields.items())[:MAX_FIELDS]
    ]


def first_rows(letter: DeadLetter) -> PayloadRows | None:
    """None where there is no payload."""
    if b"payload" not in letter.fields:
        return None
    kind = StatsBatch if letter.stage == "loader" else RawBatch
    try:
        return _beginning(kind.decode(letter.fields).table)
    except InvalidInput as error:
        return PayloadRows(error=_printable(f"{error.reason}: {error}"))
    except (pa.ArrowException, ValueError, OverflowError) as error:  # a stamp of no calendar
        return PayloadRows(error=_printable(str(error)))


def _beginning(table: pa.Table) -> PayloadRows:
    names = [_printable(name) for name in table.column_names[:MAX_COLUMNS]]
    columns: Any = [
        column.slice(0, FIRST_ROWS).to_pylist() for column in table.columns[:MAX_COLUMNS]
    ]
    return PayloadRows(names, list(zip(*columns, strict=True)), table.num_rows, table.num_columns)


def _text(value: bytes) -> str:
    more = "…" if len(value) > MAX_CHARS else ""
    return _printable(value[:MAX_CHARS].decode(errors="backslashreplace")) + more


def _printable(text: str) -> str:
    """What can't be seen, or turns the text around, is spelled out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: 2 * MAX_CHARS])
