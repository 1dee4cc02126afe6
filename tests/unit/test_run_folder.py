"""The folders of test runs in memory are removed, also after a killed run."""

import os
import subprocess
from pathlib import Path

from tests import run_folder


def test_folders_of_killed_runs_are_removed_and_running_ones_kept(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    stale = tmp_path / f"{run_folder.PREFIX}{ended.pid}-a"
    in_use = tmp_path / f"{run_folder.PREFIX}{os.getpid()}-b"
    unrelated = tmp_path / "minuano"
    for folder in (stale, in_use, unrelated):
        folder.mkdir()
    (stale / "file").touch()
    run_folder.remove_stale(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([in_use, unrelated])
