"""The folder of a test run, in memory if there is enough. It is removed at the end of the run; the
next run removes the folders of runs that were killed.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - the run creates a new folder in it
MEMORY_BYTES = 4 << 30
"""Required free memory: six workers and their servers use 1.5 GB, plus a margin."""
PREFIX = "minuano-tests-"


def create() -> Path:
    """Create a folder that the user of PostgreSQL can also read."""
    in_memory = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > MEMORY_BYTES
    parent = IN_MEMORY if in_memory else Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    folder.chmod(0o755)
    return folder


def remove(folder: Path) -> None:
    """Unmount file systems in the folder, then remove it."""
    for line in _mounts():
        if Path(mounted := line.split()[1]).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", mounted], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def remove_stale(parent: Path = IN_MEMORY) -> None:
    """Remove the folders of runs whose process no longer exists."""
    for folder in parent.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not _is_alive(int(pid)):
            remove(folder)


def _mounts() -> list[str]:
    mounts = Path("/proc/mounts")
    return mounts.read_text().splitlines() if mounts.exists() else []


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # the process of another user
    return True
