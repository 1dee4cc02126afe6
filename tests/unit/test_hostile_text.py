"""Text that a stranger wrote, in the log of a service and on the terminal of a person."""

import subprocess
import sys

import pytest
from rich.table import Table

from cli import console, job_progress

HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e"
ESCAPED = r"\x1b]0;owned\x07\x9b2J\u202e"
WRITE_LOG = f"""
import logging
from shared import logs
logs.configure("loader", log_format="console", level="info")
hostile = {HOSTILE!r}
logs.get("x").error("entry.dead_lettered", job=hostile, error=f"no {{hostile}}\\njob.done")
logging.getLogger("library").warning("broken: %s", hostile)
logs.get("x").error("entry.crashed", exc_info=ValueError(hostile))
"""


def test_the_log_has_escapes() -> None:
    process = subprocess.run(
        [sys.executable, "-c", WRITE_LOG], capture_output=True, encoding="utf-8", check=True
    )
    log = process.stderr
    assert f"job={ESCAPED}" in log
    assert f"error='no {ESCAPED}\\njob.done'" in log
    assert f"broken: {ESCAPED}" in log
    assert f"ValueError: {ESCAPED}" in log
    assert all(line.isprintable() for line in log.split("\n"))


def test_the_command_line_prints_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    rows = Table("asset")
    rows.add_row(HOSTILE)
    for shown in (HOSTILE, f"first\n{HOSTILE}", rows):
        console.console.print(shown, markup=False)
    console.error_console.print(f"minuano: {HOSTILE}", markup=False)
    written = capsys.readouterr()
    assert written.out.count(ESCAPED) == 3
    assert "first\n" in written.out
    assert written.err == f"minuano: {ESCAPED}\n"
    assert all(line.isprintable() for line in written.out.split("\n"))


def test_the_error_of_a_job_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    job = {"id": 7, "state": "failed", "reason": "source", "error": "refused\njob 7 done"}
    assert not job_progress.print_result(job)
    assert capsys.readouterr().out == "job 7 failed: source: refused\\njob 7 done\n"
