"""Secrets that are recognised wherever they appear: whole, in parts, or encoded."""

import secrets
from urllib.parse import quote

# What has to be encoded in a URL, and what each parser stumbles over in its own way.
ODD = "@:/?#%&=+ '\"\\"


class Canary:
    """A secret with two marks; whoever shows half of it shows it."""

    def __init__(self, between: str = ODD) -> None:
        self.marks = (secrets.token_hex(8), secrets.token_hex(8))
        self.text = between.join(self.marks)

    @property
    def quoted(self) -> str:
        """As it stands in a URL."""
        return quote(self.text, safe="")

    def shows_in(self, text: str) -> bool:
        """Whether a mark of it can be read there."""
        return any(mark in text for mark in self.marks)
