"""What docker-compose.yml gives containers, read as it stands: the least that they need."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
    "services"
]
OURS = ("migrate", "seed", "connector", "extractor", "aggregator", "loader", "cli")
SERVERS = ("source-db", "target-db", "redis")
PUBLISHED = ("connector", "extractor")
HELD = ("privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "userns_mode", "user")


def test_every_service_is_ours_or_a_server() -> None:
    assert sorted(SERVICES) == sorted((*OURS, *SERVERS))


@pytest.mark.parametrize("name", OURS)
def test_ours_write_nowhere_and_have_no_capability(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert "volumes" not in service
    assert service["pids_limit"] > 0


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_gains_a_privilege(name: str) -> None:
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert [key for key in HELD if key in SERVICES[name]] == []
    assert "docker.sock" not in str(SERVICES[name])


@pytest.mark.parametrize("name", SERVICES)
def test_only_the_two_apis_are_published_and_only_to_this_machine(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert len(ports) == (name in PUBLISHED)
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_a_bound_on_its_memory(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])


@pytest.mark.parametrize("name", ["connector", "extractor", "aggregator", "loader", "cli"])
def test_no_service_is_given_the_owner_or_an_administrator(name: str) -> None:
    told = str(SERVICES[name]["environment"])
    assert not re.search("minuano_owner|POSTGRES_PASSWORD|ADMIN_PASSWORD", told)


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    users = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert int(users[-1]) >= 1000


def test_no_secret_is_built_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert not re.search("PASSWORD|API_KEY|SECRET", dockerfile)
    assert ".env" in ignored or "*" in ignored
