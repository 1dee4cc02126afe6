"""The folder of a test run, in memory where there is room. It goes with the run; what a run that
was killed left is removed by the next.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
MEMORY_BYTES = 4 << 30
"""What a whole run needs there, with a margin: six workers and their servers take 1.5 GB."""
PREFIX = "minuano-tests-"


def make() -> Path:
    """A new folder that PostgreSQL's user may read, too."""
    in_memory = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > MEMORY_BYTES
    parent = IN_MEMORY if in_memory else Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    folder.chmod(0o755)
    return folder


def remove(folder: Path) -> None:
    """Remove the folder; what is mounted in it is unmounted first."""
    for line in _mounts():
        if Path(mounted := line.split()[1]).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", mounted], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def remove_left_over(parent: Path = IN_MEMORY) -> None:
    """Remove the folders of runs whose process is there no more."""
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
        pass  # another user's
    return True
