"""The words of the pages: the reader's language, and that nothing was left untranslated."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from services.dashboard.web import templates
from services.dashboard.web.i18n import Translator, choose_language

TEMPLATES = templates.FOLDER / "templates"
TABLES = sorted((templates.FOLDER / "translations" / "pt").glob("*.toml"))
SAID = re.compile(r"""\bt\(\s*(?:"([^"]+)"|'([^']+)')""")


def said(file: Path) -> set[str]:
    return {double or single for double, single in SAID.findall(file.read_text())}


def everything_said() -> set[str]:
    files = [*TEMPLATES.rglob("*.html"), *templates.FOLDER.rglob("*.py")]
    return {text for file in files for text in said(file)}


def test_everything_that_a_page_says_is_there_in_portuguese() -> None:
    missing = {text for text in everything_said() if Translator("pt")(text) == text}
    assert missing <= SAME_IN_BOTH


SAME_IN_BOTH = {"Pipeline", "Total"}


def test_no_text_is_translated_twice() -> None:
    texts = Counter(text for table in TABLES for text in tomllib.loads(table.read_text()))
    assert [text for text, times in texts.items() if times > 1] == []


def test_a_translation_has_the_places_of_its_text() -> None:
    places = re.compile(r"{\w+}")
    for table in TABLES:
        for text, translated in tomllib.loads(table.read_text()).items():
            assert sorted(places.findall(text)) == sorted(places.findall(translated)), text


@pytest.mark.parametrize(
    ("accept", "cookie", "language"),
    [
        ("pt-BR,pt;q=0.9,en;q=0.8", None, "pt"),
        ("de,en;q=0.5,pt;q=0.4", None, "en"),
        ("", None, "en"),
        ("pt;q=0,en", None, "en"),
        ("pt", "en", "en"),
        ("en", "pt", "pt"),
        ("pt", "xx", "pt"),
        ("pt;q=x", None, "en"),
    ],
)
def test_the_language_is_the_one_chosen_else_the_browsers(
    accept: str, cookie: str | None, language: str
) -> None:
    assert choose_language(accept, cookie) == language


def test_numbers_are_written_as_the_language_does() -> None:
    assert Translator("en").number(1234.5, 1) == "1,234.5"
    assert Translator("pt").number(1234.5, 1) == "1.234,5"
