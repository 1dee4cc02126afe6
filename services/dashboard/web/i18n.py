"""Translations of the pages.

English texts stand in the templates and are the keys of `translations/pt/*.toml`. TOML needs no
compiled catalogue and no dependency; gettext would need Babel, which nothing else here uses.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from shared.http.content_negotiation import parse_accept

LANGUAGES = ("en", "pt")
COOKIE = "minuano_language"
_FOLDER = Path(__file__).parents[1] / "translations"


class Translator:
    """Translates texts into one language: `t("Coverage")`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = _read_texts(language)

    def __call__(self, text: str, **values: object) -> str:
        translated = self._texts.get(text, text)
        return translated.format(**values) if values else translated

    def number(self, value: float, digits: int = 0) -> str:
        """`1,234.5`, or `1.234,5` in Portuguese."""
        text = f"{value:,.{digits}f}"
        return text.translate(str.maketrans(",.", ".,")) if self.language == "pt" else text


def choose_language(accept: str, cookie: str | None) -> str:
    """The choice in the cookie; by default the best supported language of `Accept-Language`."""
    if cookie in LANGUAGES:
        return cookie
    weights = [(tag[:2], quality) for tag, quality in parse_accept(accept).items()]
    supported = [pair for pair in weights if pair[0] in LANGUAGES and pair[1] > 0]
    return max(supported, key=lambda pair: pair[1], default=(LANGUAGES[0], 1.0))[0]


@cache
def _read_texts(language: str) -> Mapping[str, str]:
    files = sorted((_FOLDER / language).glob("*.toml"))
    return {key: text for file in files for key, text in tomllib.loads(file.read_text()).items()}
