"""A test run leaves nothing in memory, however it ended."""

import os
import subprocess
from pathlib import Path

from tests import run_folder


def test_folders_of_killed_runs_are_removed_and_running_ones_kept(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    left = tmp_path / f"{run_folder.PREFIX}{ended.pid}-a"
    used = tmp_path / f"{run_folder.PREFIX}{os.getpid()}-b"
    others = tmp_path / "minuano"
    for folder in (left, used, others):
        folder.mkdir()
    (left / "file").touch()
    run_folder.remove_left_over(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([used, others])
