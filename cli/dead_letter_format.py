"""How dead letters are shown: what strangers wrote, as it is, and nothing that it might do."""

from rich.text import Text

from shared.domain.batches import RawBatch, StatsBatch
from shared.errors import InvalidInput
from shared.streams.dead_letters import DeadLetter

FIRST_ROWS = 5
SHOWN_BYTES = 10_000


def printable(text: str) -> str:
    """The text, but what would steer the terminal is spelled out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def cell(text: str) -> Text:
    """The text in one line of a table."""
    return Text(printable(text), no_wrap=True, overflow="ellipsis")


def decoded(value: bytes) -> str:
    """The beginning of a name or value, as text."""
    more = "…" if len(value) > SHOWN_BYTES else ""
    return printable(value[:SHOWN_BYTES].decode(errors="replace")) + more


def decoded_field(name: bytes, value: bytes) -> str:
    """The value of a field; of the payload its size."""
    return f"{len(value):,} bytes" if name == b"payload" else decoded(value)


def first_rows(letter: DeadLetter) -> str:
    """The first rows of the letter's payload, or why they can't be read."""
    if b"payload" not in letter.fields:
        return ""
    kind = StatsBatch if letter.stage == "loader" else RawBatch
    try:
        rows = kind.decode(letter.fields).table
    except InvalidInput as error:
        return f"the payload can't be read: {error.reason}: {printable(str(error))}"
    first = str(rows.slice(0, FIRST_ROWS).to_pandas()).splitlines()
    return "\n".join([f"{rows.num_rows} rows, the first:", *map(printable, first)])
