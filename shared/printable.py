"""Text that a stranger wrote, for a terminal, a log or a page."""


def printable(text: str) -> str:
    """The text with escapes instead of control characters and invisible characters."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def printable_lines(text: str) -> str:
    """As `printable`, but line breaks stay."""
    return "\n".join(map(printable, text.split("\n")))
