"""`requirements/audit`: its output and its exit code."""

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
    """Serves a document with advisories, one without, and an HTML page."""

    def do_GET(self) -> None:
        documents = {"/known": b'{"affected": []}', "/mirror": b"{}", "/html": b"<html>"}
        self.send_response(200 if self.path in documents else 404)
        self.end_headers()
        self.wfile.write(documents.get(self.path, b""))

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture
def advisories() -> Iterator[str]:
    """The URL of a server in place of the advisory database."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def audit(advisories: str, tool: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "AUDIT_ADVISORIES": advisories, "AUDIT_TOOL": tool, "no_proxy": "*"}
    command = [sys.executable, str(ROOT / "requirements" / "audit")]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def stub(folder: Path, output: str, code: int) -> str:
    """A pip-audit that prints this output, exits with this code and saves its arguments."""
    tool = folder / "pip-audit"
    tool.write_text(f'#!/bin/sh\necho "$@" > {folder}/arguments\necho "{output}"\nexit {code}\n')
    tool.chmod(0o755)
    return str(tool)


def is_skipped(result: subprocess.CompletedProcess[str]) -> bool:
    has_note = result.stdout.startswith("audit skipped, ") and result.stdout.count("\n") == 1
    return has_note and (result.returncode, result.stderr) == (0, "")


def test_the_audit_is_skipped_if_the_advisory_database_is_unreachable() -> None:
    assert is_skipped(audit(f"http://127.0.0.1:{ports.free()}"))


@pytest.mark.parametrize("path", ["mirror", "html", "nothing"])
def test_a_database_without_advisories_is_not_reported_as_clean(advisories: str, path: str) -> None:
    assert is_skipped(audit(f"{advisories}/{path}"))


@pytest.mark.parametrize(("output", "code"), [("PYSEC-2026-1 in numpy", 1), ("none known", 0)])
def test_a_vulnerability_fails_the_audit(
    advisories: str, tmp_path: Path, output: str, code: int
) -> None:
    result = audit(f"{advisories}/known", stub(tmp_path, output, code))
    assert (result.returncode, result.stdout) == (code, f"{output}\n")


def test_every_lock_is_audited(advisories: str, tmp_path: Path) -> None:
    audit(f"{advisories}/known", stub(tmp_path, "", 0))
    arguments = (tmp_path / "arguments").read_text().split()
    assert [word for word in arguments if word.endswith(".lock")] == LOCKS


def test_make_lint_runs_the_audit() -> None:
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert "python requirements/audit\n" in f"{lint}\n"
