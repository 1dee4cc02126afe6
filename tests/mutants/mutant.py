"""The list of planted bugs, and a check whether each still fits the code.

Each TOML file in this folder is a room. Each `[[mutant]]` in it is one bug: `new` replaces `old` in
`file`, and at least one of `tests` must fail.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One planted bug. `name` is a sentence that says what is wrong."""

    room: str
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """Related test files or node ids. At least one must fail."""

    def __str__(self) -> str:
        return f"{self.room}: {self.name}"


def load(folder: Path = FOLDER) -> list[Mutant]:
    """All planted bugs by room, in the order of the file."""
    return [mutant for file in sorted(folder.glob("*.toml")) for mutant in _load_file(file)]


def _load_file(file: Path) -> Iterator[Mutant]:
    for entry in tomllib.loads(file.read_text())["mutant"]:
        yield Mutant(room=file.stem, **{**entry, "tests": tuple(entry["tests"])})


def select(mutants: Iterable[Mutant], *, room: str | None, pattern: str) -> list[Mutant]:
    """The bugs whose name contains the pattern, of one room or of all."""
    return [
        mutant
        for mutant in mutants
        if room in (None, mutant.room) and pattern.lower() in mutant.name.lower()
    ]


def problem(mutant: Mutant, root: Path = ROOT) -> str | None:
    """Why the bug cannot be planted in this tree, or None if it can."""
    file = root / mutant.file
    if not file.is_file():
        return f"{mutant.file} does not exist"
    if (count := file.read_text().count(mutant.old)) != 1:
        return f"`old` occurs {count} times in {mutant.file}"
    if mutant.old == mutant.new:
        return "`old` and `new` are equal"
    return next((f"{test} does not exist" for test in missing_tests(mutant.tests, root)), None)


def missing_tests(tests: Sequence[str], root: Path = ROOT) -> Iterator[str]:
    """The tests that do not exist in the tree."""
    for test in tests:
        file, *names = test.split("[", 1)[0].split("::")
        path = root / file
        text = path.read_text() if path.is_file() else ""
        if not text or not all(re.search(rf"\b(def|class) {name}\b", text) for name in names):
            yield test
