"""What is known about the end of an entry, as fields of its dead letter."""

from datetime import UTC, datetime
from typing import Any

from shared.streams.entries import Entry

DEAD_PREFIX = "dead_"


def dead_letter_fields(
    entry: Entry, *, reason: str, error: str, stage: str, stream: str
) -> dict[Any, Any]:
    """The entry's own fields, whole, and ours behind them: of a field that comes twice the last one
    counts, and an entry must not tell of its own end.
    """
    told = {
        "reason": reason,
        "error": error,
        "stage": stage,
        "stream": stream,
        "id": entry.id,
        "deliveries": entry.deliveries,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {**entry.fields, **{f"{DEAD_PREFIX}{name}": value for name, value in told.items()}}
