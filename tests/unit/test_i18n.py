"""Translations of the pages, and the choice of the language."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from services.dashboard.web import templates
from services.dashboard.web.i18n import Translator, choose_language

TEMPLATES = templates.FOLDER / "templates"
CATALOGS = sorted((templates.FOLDER / "translations" / "pt").glob("*.toml"))
TEXT_CALL = re.compile(r"""\bt\(\s*(?:"([^"]+)"|'([^']+)')""")


def texts_in(file: Path) -> set[str]:
    return {double or single for double, single in TEXT_CALL.findall(file.read_text())}


def all_texts() -> set[str]:
    files = [*TEMPLATES.rglob("*.html"), *templates.FOLDER.rglob("*.py")]
    return {text for file in files for text in texts_in(file)}


def test_every_text_is_translated() -> None:
    missing = {text for text in all_texts() if Translator("pt")(text) == text}
    assert missing <= SAME_IN_BOTH


SAME_IN_BOTH = {"Pipeline", "Total"}


def test_no_text_is_translated_twice() -> None:
    texts = Counter(text for file in CATALOGS for text in tomllib.loads(file.read_text()))
    assert [text for text, count in texts.items() if count > 1] == []


def test_a_translation_has_the_placeholders_of_its_text() -> None:
    names = re.compile(r"{\w+}")
    for file in CATALOGS:
        for text, translated in tomllib.loads(file.read_text()).items():
            assert sorted(names.findall(text)) == sorted(names.findall(translated)), text


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
def test_the_language_comes_from_the_cookie_else_from_the_browser(
    accept: str, cookie: str | None, language: str
) -> None:
    assert choose_language(accept, cookie) == language


def test_numbers_follow_the_language() -> None:
    assert Translator("en").number(1234.5, 1) == "1,234.5"
    assert Translator("pt").number(1234.5, 1) == "1.234,5"
