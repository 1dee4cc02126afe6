"""A small file system for a table, so that a test can fill it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

SIZE = "32m"


@contextmanager
def mounted_tmpfs(folder: Path, owner: Path) -> Iterator[Path]:
    """Mount a tmpfs on `folder` with the owner of `owner`; only root can mount."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
    try:
        status = owner.stat()
        os.chown(folder, status.st_uid, status.st_gid)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@cache
def can_mount() -> bool:
    """Whether this user can mount a file system on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted_tmpfs(Path(folder) / "disk", Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False
