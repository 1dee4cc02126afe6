"""`requirements/audit`: what it says, and how it ends."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cli.embedded import ports

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted(str(lock) for lock in (ROOT / "requirements").glob("*.lock"))


class Advisories(SimpleHTTPRequestHandler):
    """Has one document with advisories, one without, and no other."""

    def do_GET(self) -> None:
        told = {"/known": b'{"affected": []}', "/mirror": b"{}", "/html": b"<html>"}
        self.send_response(200 if self.path in told else 404)
        self.end_headers()
        self.wfile.write(told.get(self.path, b""))

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def advisories() -> Iterator[str]:
    """Something that answers where the advisories would be."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def audit(advisories: str, tool: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "AUDIT_ADVISORIES": advisories, "AUDIT_TOOL": tool, "no_proxy": "*"}
    command = [sys.executable, str(ROOT / "requirements" / "audit")]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def stub(folder: Path, said: str, code: int) -> str:
    """A tool that says and finds this, and notes what it was asked."""
    tool = folder / "pip-audit"
    tool.write_text(f'#!/bin/sh\necho "$@" > {folder}/asked\necho "{said}"\nexit {code}\n')
    tool.chmod(0o755)
    return str(tool)


def skipped(ended: subprocess.CompletedProcess[str]) -> bool:
    said = ended.stdout.startswith("audit skipped, ") and ended.stdout.count("\n") == 1
    return said and (ended.returncode, ended.stderr) == (0, "")


def test_the_audit_says_if_the_advisory_database_cannot_be_reached() -> None:
    assert skipped(audit(f"http://127.0.0.1:{ports.free()}"))


@pytest.mark.parametrize("path", ["mirror", "html", "nothing"])
def test_a_database_without_advisories_is_not_reported_as_clean(advisories: str, path: str) -> None:
    assert skipped(audit(f"{advisories}/{path}"))


@pytest.mark.parametrize(("said", "code"), [("PYSEC-2026-1 in numpy", 1), ("none known", 0)])
def test_a_vulnerability_fails_the_audit(
    advisories: str, tmp_path: Path, said: str, code: int
) -> None:
    ended = audit(f"{advisories}/known", stub(tmp_path, said, code))
    assert (ended.returncode, ended.stdout) == (code, f"{said}\n")


def test_every_lock_is_audited(advisories: str, tmp_path: Path) -> None:
    audit(f"{advisories}/known", stub(tmp_path, "", 0))
    asked = (tmp_path / "asked").read_text().split()
    assert [word for word in asked if word.endswith(".lock")] == LOCKS


def test_lint_runs_it() -> None:
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert "python requirements/audit\n" in f"{lint}\n"
