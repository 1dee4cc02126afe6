"""A copy of the working tree in which a bug can be planted."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.mutants.mutant import Mutant


def tracked_files(root: Path) -> list[str]:
    """The files that git tracks and that are there, relative to `root`."""
    command = ["git", "-C", str(root), "ls-files", "-z"]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [name for name in output.split("\0") if name and (root / name).is_file()]


class TreeCopy:
    """The files of a tree in a folder that PostgreSQL's user can read, too."""

    def __init__(self, root: Path, files: Iterable[str], folder: Path) -> None:
        self.folder = folder
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
        folder.chmod(0o755)

    @contextlib.contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """The tree with this bug in it; the file is restored after the block."""
        path = self.folder / mutant.file
        original = path.read_text()
        _write(path, original.replace(mutant.old, mutant.new))
        try:
            yield
        finally:
            _write(path, original)

    def environment(self) -> dict[str, str]:
        """With this, Python imports the copy, in child processes and in other folders too."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        return {**inherited, "PYTHONPATH": str(self.folder)}


def _write(path: Path, text: str) -> None:
    """Remove the bytecode too: Python compares seconds and sizes only, and could use the old."""
    path.write_text(text)
    if path.suffix == ".py":
        Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
