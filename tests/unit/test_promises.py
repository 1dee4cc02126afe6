"""tests/promises/ has a file for each section of README.md and quotes it literally."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FILES = sorted((ROOT / "tests/promises").glob("test_*.py"))
WITHOUT_EXAMPLES = {"More": "it only points to other pages"}
MAX_EXAMPLE_LINES = 16


def sections() -> dict[str, str]:
    """The text of each `##` section by its title."""
    _, *titles_and_texts = re.split(r"^## (.+)$", README, flags=re.MULTILINE)
    return dict(zip(titles_and_texts[::2], titles_and_texts[1::2], strict=True))


def file_name(title: str) -> str:
    return f"test_{title.lower().replace(' ', '_')}.py"


def examples() -> list[ast.FunctionDef]:
    """The test functions of tests/promises/."""
    trees = (ast.parse(file.read_text()) for file in FILES)
    functions = (node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef))
    return [function for function in functions if function.name.startswith("test_")]


def plain(markdown: str) -> str:
    """The text without emphasis and with single spaces."""
    return " ".join(markdown.replace("**", "").split())


@pytest.mark.parametrize("title", [t for t in sections() if t not in WITHOUT_EXAMPLES])
def test_each_section_links_to_the_examples_that_check_it(title: str) -> None:
    links = re.findall(r"\]\(tests/promises/(\w+\.py)\)", sections()[title])
    assert links == [file_name(title)]


def test_every_file_of_examples_has_a_section() -> None:
    expected = {file_name(title) for title in sections() if title not in WITHOUT_EXAMPLES}
    assert {file.name for file in FILES} == expected


def test_every_exception_is_a_section_with_a_reason() -> None:
    assert all(title in sections() and reason for title, reason in WITHOUT_EXAMPLES.items())


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_an_example_is_short_and_quotes_the_readme(example: ast.FunctionDef) -> None:
    docstring = ast.get_docstring(example) or ""
    assert docstring.startswith("> ")
    assert plain(docstring.removeprefix("> ")) in plain(README)
    assert len(ast.unparse(example).splitlines()) <= MAX_EXAMPLE_LINES
