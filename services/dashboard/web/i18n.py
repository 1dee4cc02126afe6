"""The words of the pages: English as it stands in the templates, Portuguese from a table."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "pt")
COOKIE = "minuano_language"
_FOLDER = Path(__file__).parents[1] / "translations"


class Translator:
    """One language. `words("Coverage")` is what the page shows for it."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._table = _table(language)

    def __call__(self, text: str, **values: object) -> str:
        return (
            self._table.get(text, text).format(**values) if values else self._table.get(text, text)
        )

    def number(self, value: float, digits: int = 0) -> str:
        """`1,234.5`, or `1.234,5` in Portuguese."""
        text = f"{value:,.{digits}f}"
        return text.translate(str.maketrans(",.", ".,")) if self.language == "pt" else text


def choose_language(accept: str, cookie: str | None) -> str:
    """What was chosen by hand, else the first of the browser's languages that there is."""
    if cookie in LANGUAGES:
        return cookie
    ranges = (part.partition(";") for part in accept.split(","))
    weighed = [(_weight(rest), name.strip().lower()[:2]) for name, _, rest in ranges]
    known = [(-q, n, name) for n, (q, name) in enumerate(weighed) if name in LANGUAGES and q > 0]
    return min(known)[2] if known else LANGUAGES[0]


def _weight(parameters: str) -> float:
    try:
        return float(parameters.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0


@cache
def _table(language: str) -> Mapping[str, str]:
    if language == "en":
        return {}
    files = sorted((_FOLDER / language).glob("*.toml"))
    return {text: said for file in files for text, said in tomllib.loads(file.read_text()).items()}
