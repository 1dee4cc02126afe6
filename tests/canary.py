"""Secrets that a test recognises in any text: complete, in part, or encoded."""

import secrets
from urllib.parse import quote

# Characters that a URL must encode, and that parsers treat differently.
SPECIAL_CHARACTERS = "@:/?#%&=+ '\"\\"


class Canary:
    """A secret of two random marks. A text that contains one of them leaks the secret."""

    def __init__(self, separator: str = SPECIAL_CHARACTERS) -> None:
        self.marks = (secrets.token_hex(8), secrets.token_hex(8))
        self.text = separator.join(self.marks)

    @property
    def url_encoded(self) -> str:
        """The text as written in a URL."""
        return quote(self.text, safe="")

    def appears_in(self, text: str) -> bool:
        """Whether the text contains one of the marks."""
        return any(mark in text for mark in self.marks)
