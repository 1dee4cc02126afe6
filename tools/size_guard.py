"""Fail when a Python file has more than 300 lines or a function more than 40.

Example: python tools/size_guard.py

Exceptions are named with a reason in pyproject.toml, [tool.size_guard.exceptions]; an exception
that is no longer needed is an error too.
"""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 40
ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def too_large(name: str, source: str) -> Iterator[tuple[str, int]]:
    """(place, lines) for each file or function over its limit; a place is `file` or
    `file::function`.
    """
    lines = source.count("\n")
    if lines > MAX_FILE_LINES:
        yield name, lines
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, FUNCTIONS):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield f"{name}::{node.name}", length


def problems(files: dict[str, str], exceptions: dict[str, str]) -> list[str]:
    """One sentence for each file or function that is too large without an exception."""
    sizes = dict(place for name, source in files.items() for place in too_large(name, source))
    unneeded = [
        f"{place}: the exception is no longer needed" for place in exceptions.keys() - sizes
    ]
    return unneeded + [
        f"{place}: {lines} lines; at most {_limit(place)}"
        for place, lines in sizes.items()
        if place not in exceptions
    ]


def _limit(place: str) -> int:
    return MAX_FUNCTION_LINES if "::" in place else MAX_FILE_LINES


def main() -> int:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["size_guard"]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = {name: ROOT / name for name in listed.stdout.split()}
    sources = {name: path.read_text() for name, path in files.items() if path.is_file()}
    complaints = problems(sources, settings["exceptions"])
    sys.stderr.writelines(f"size_guard: {line}\n" for line in complaints)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
