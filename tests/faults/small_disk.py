"""A file system of a few megabytes, for a table that is to run out of room."""

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
    """A tmpfs in `folder`, with the same owner as `owner`; only root can mount one."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
    try:
        whose = owner.stat()
        os.chown(folder, whose.st_uid, whose.st_gid)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@cache
def can_mount() -> bool:
    """Whether this user may, on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted_tmpfs(Path(folder) / "disk", Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False
