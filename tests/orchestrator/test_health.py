"""The health check as a container runs it."""

import socket
import subprocess
import sys

import pytest

from cli.embedded import ports

LOADED = "import sys; from services.orchestrator import health; print(*sys.modules)"


def asked(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.orchestrator.health", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_code_location_is_ready_once_it_listens() -> None:
    with socket.create_server((ports.HOST, 0)) as location:
        assert asked("code", f"{ports.HOST}:{location.getsockname()[1]}").returncode == 0
    assert asked("code", f"{ports.HOST}:{ports.free()}").returncode == 1


def test_what_is_no_address_is_told() -> None:
    ended = asked("code", "nowhere")
    assert (ended.returncode, "HOST:PORT" in ended.stderr) == (2, True)


@pytest.mark.parametrize("part", ["webserver", "daemon"])
def test_what_does_not_answer_is_not_ready(part: str) -> None:
    ended = asked(part, f"http://{ports.HOST}:{ports.free()}")
    assert (ended.returncode, ended.stderr) == (1, "")


def test_it_is_asked_too_often_to_load_much() -> None:
    command = [sys.executable, "-c", LOADED]
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert not {"dagster", "pydantic", "sqlalchemy", "redis"} & set(loaded.stdout.split())
