"""README.md and tests/promises/: a file for each section, and each quotation is in the README."""

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
    _, *parts = re.split(r"^## (.+)$", README, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def file_name(title: str) -> str:
    return f"test_{title.lower().replace(' ', '_')}.py"


def examples() -> list[ast.FunctionDef]:
    """The test functions of tests/promises/."""
    trees = (ast.parse(file.read_text()) for file in FILES)
    functions = (node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef))
    return [function for function in functions if function.name.startswith("test_")]


def plain(markdown: str) -> str:
    """The words alone: one space between them, no emphasis."""
    return " ".join(markdown.replace("**", "").split())


@pytest.mark.parametrize("title", [t for t in sections() if t not in WITHOUT_EXAMPLES])
def test_each_section_links_to_the_examples_that_check_it(title: str) -> None:
    links = re.findall(r"\]\(tests/promises/(\w+\.py)\)", sections()[title])
    assert links == [file_name(title)]


def test_there_are_no_examples_without_a_section() -> None:
    named = {file_name(title) for title in sections() if title not in WITHOUT_EXAMPLES}
    assert {file.name for file in FILES} == named


def test_every_exception_is_a_section_with_a_reason() -> None:
    assert all(title in sections() and reason for title, reason in WITHOUT_EXAMPLES.items())


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_an_example_is_short_and_quotes_the_readme(example: ast.FunctionDef) -> None:
    docstring = ast.get_docstring(example) or ""
    assert docstring.startswith("> ")
    assert plain(docstring.removeprefix("> ")) in plain(README)
    assert len(ast.unparse(example).splitlines()) <= MAX_EXAMPLE_LINES
