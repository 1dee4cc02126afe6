"""Requests made up from an OpenAPI document, and all that Schemathesis checks of the answers."""

import re
import subprocess
import sys
from pathlib import Path

CONFIG = Path(__file__).with_name("schemathesis.toml")
KEY = "key-of-the-test"
_GENERATED = re.compile(r"([\d,]+) generated")


def examine(
    url: str, *options: str, cwd: Path, within_s: float
) -> subprocess.CompletedProcess[str]:
    """Ask the service that answers at `url` for whatever its document allows, and for what it does
    not; the exit code is 0 if nothing is wrong.
    """
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "--no-color",
        "run", f"{url}/openapi.json", "--checks", "all",
        "--header", f"Authorization: Bearer {KEY}", *options,
    ]  # fmt: skip
    return subprocess.run(
        command, cwd=cwd, timeout=within_s, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def generated(output: str) -> int:
    """How many requests the run made up."""
    found = _GENERATED.search(output)
    return int(found[1].replace(",", "")) if found else 0
