"""The health check of Dagster's containers."""

import socket
import subprocess
import sys

import pytest

from cli.embedded import ports

LOADED = "import sys; from services.orchestrator import health; print(*sys.modules)"


def check(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.orchestrator.health", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_code_location_is_ready_once_it_listens() -> None:
    with socket.create_server((ports.HOST, 0)) as location:
        assert check("code", f"{ports.HOST}:{location.getsockname()[1]}").returncode == 0
    assert check("code", f"{ports.HOST}:{ports.free()}").returncode == 1


def test_a_wrong_address_is_a_usage_error() -> None:
    ended = check("code", "nowhere")
    assert (ended.returncode, "HOST:PORT" in ended.stderr) == (2, True)


@pytest.mark.parametrize("process", ["webserver", "daemon"])
def test_a_process_that_does_not_answer_is_not_ready(process: str) -> None:
    ended = check(process, f"http://{ports.HOST}:{ports.free()}")
    assert (ended.returncode, ended.stderr) == (1, "")


def test_the_health_check_loads_no_large_library() -> None:
    command = [sys.executable, "-c", LOADED]
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert not {"dagster", "pydantic", "sqlalchemy", "redis"} & set(loaded.stdout.split())
