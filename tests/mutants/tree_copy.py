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
    """The existing files that git tracks, relative to `root`."""
    command = ["git", "-C", str(root), "ls-files", "-z"]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [name for name in output.split("\0") if name and (root / name).is_file()]


class TreeCopy:
    """A copy of the files of a tree that the user of PostgreSQL can also read."""

    def __init__(self, root: Path, files: Iterable[str], folder: Path) -> None:
        self.folder = folder
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
        folder.chmod(0o755)

    @contextlib.contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """Plant the bug; restore the file after the block."""
        path = self.folder / mutant.file
        original = path.read_text()
        _write(path, original.replace(mutant.old, mutant.new))
        try:
            yield
        finally:
            _write(path, original)

    def environment(self) -> dict[str, str]:
        """The environment with which Python imports the copy, also in child processes."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        return {**inherited, "PYTHONPATH": str(self.folder)}


def _write(path: Path, text: str) -> None:
    """Also remove the bytecode: Python compares only seconds and sizes and may use the old one."""
    path.write_text(text)
    if path.suffix == ".py":
        Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
