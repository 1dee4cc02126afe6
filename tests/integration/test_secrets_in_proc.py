"""Secrets are in no command line, and secrets that are set by files are not in the environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.canary import Canary
from tests.e2e.cli_process import environment

EXIT_WITHIN_S = 120.0
FILES = ("cmdline", "environ")
pytestmark = pytest.mark.cold


@pytest.mark.parametrize("service", ["extractor", "loader"])
def test_secrets_in_files_are_in_no_command_line_and_no_environment(
    service: str, tmp_path: Path
) -> None:
    secret = Canary()
    urls = {
        "MINUANO_TARGET_URL": f"postgresql://writer:{secret.url_encoded}@127.0.0.1:1/target",
        "MINUANO_REDIS_URL": f"redis://:{secret.url_encoded}@127.0.0.1:1/0",
    }
    settings = {"MINUANO_CONNECTOR_URL": "http://127.0.0.1:1", "MINUANO_PORT": "0"}
    for name, url in urls.items():
        (tmp_path / name).write_text(url)
        settings[f"{name}_FILE"] = str(tmp_path / name)
    with subprocess.Popen(
        [sys.executable, "-m", f"services.{service}"],
        env=environment(settings), stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr
        assert "service.waiting" in process.stderr.readline()
        content = {name: Path(f"/proc/{process.pid}/{name}").read_text() for name in FILES}
        process.terminate()
        _, logs = process.communicate(timeout=EXIT_WITHIN_S)
    assert process.returncode == 0, logs
    assert str(tmp_path) in content["environ"]
    assert [name for name, text in content.items() if secret.appears_in(text)] == []
