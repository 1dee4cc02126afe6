"""Every reason with which an entry or a job can fail is in docs/protocol.md."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/protocol.md").read_text()
SECTION = DOCUMENT.partition("\n## Dead letters")[2].partition("\n## ")[0]
PARTS = ("services/aggregator", "services/extractor", "services/loader", "shared")
ERRORS = {"InvalidInput", "RetriedInput"}


def _reasons(path: Path) -> Iterator[str]:
    """Of errors, and of jobs that are failed directly."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        texts = [node.args[0]] if getattr(node.func, "id", "") in ERRORS and node.args else []
        if getattr(node.func, "attr", "") == "fail":
            texts += [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
        yield from (str(t.value) for t in texts if isinstance(t, ast.Constant))


def test_every_reason_is_documented() -> None:
    files = (path for part in PARTS for path in (ROOT / part).rglob("*.py"))
    reasons = {reason for path in files for reason in _reasons(path)}
    assert {"contract", "settings", "stuck"} <= reasons
    assert {reason for reason in reasons if f"`{reason}`" not in SECTION} == set()
