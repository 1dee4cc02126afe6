"""docker-compose.yml gives each container only the privileges that it needs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DAGSTER = ("dagster-code", "dagster-webserver", "dagster-daemon")
OWN_IMAGES = (
    "migrate", "seed", "connector", "extractor", "aggregator", "loader", "dashboard", "cli",
    *DAGSTER,
)  # fmt: skip
SERVERS = ("source-db", "target-db", "redis", "dagster-db")
PUBLISHED = ("connector", "extractor", "dashboard", "dagster-webserver")
FORBIDDEN_KEYS = ("privileged", "devices", "network_mode", "pid", "ipc", "userns_mode")
# The entrypoint of PostgreSQL changes the owner of the volume, then its own user.
ENTRYPOINTS = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
CAPABILITIES = dict.fromkeys(("source-db", "target-db", "dagster-db"), ENTRYPOINTS)
IN_REDIS = ("extractor", "aggregator", "loader", "dashboard", "cli")
ROLE_IN_TARGET = {
    **{name: name for name in ("extractor", "loader", "dashboard", "cli")},
    "dagster-code": "orchestrator",
}
# Which services reach which servers, and each other over HTTP.
NETWORKS = {
    "source": {"source-db", "seed", "connector"},
    "target": {"target-db", "migrate", *ROLE_IN_TARGET},
    "streams": {"redis", *IN_REDIS},
    "services": {"connector", "extractor", "dashboard", "cli", "dagster-code"},
    "dagster": {"dagster-db", *DAGSTER},
}


def test_every_compose_service_is_known() -> None:
    assert sorted(SERVICES) == sorted((*OWN_IMAGES, *SERVERS))


@pytest.mark.parametrize("name", SERVICES)
def test_containers_have_read_only_images_and_no_needless_capabilities(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service.get("cap_add", []) == CAPABILITIES.get(name, [])


@pytest.mark.parametrize("name", OWN_IMAGES)
def test_only_dagster_has_a_writable_volume(name: str) -> None:
    service = SERVICES[name]
    assert "user" not in service
    assert service.get("volumes", []) == ["dagster-home:/dagster"] * (name in DAGSTER)
    assert service["pids_limit"] > 0


def test_redis_runs_as_an_unprivileged_user() -> None:
    assert SERVICES["redis"]["user"] == "redis"


@pytest.mark.parametrize("name", SERVICES)
def test_no_password_is_on_a_command_line(name: str) -> None:
    service = SERVICES[name]
    commands = [service.get(key) for key in ("command", "entrypoint", "healthcheck")]
    assert not re.search("PASSWORD|API_KEY|SECRET|URL", str(commands))


@pytest.mark.parametrize("name", IN_REDIS)
def test_each_service_has_its_own_redis_user(name: str) -> None:
    url = SERVICES[name]["environment"]["MINUANO_REDIS_URL"]
    password = f"${{MINUANO_{name.upper()}_PASSWORD:-{name}}}"
    assert url == f"redis://minuano_{name}:{password}@redis:6379/0"


@pytest.mark.parametrize("name", ROLE_IN_TARGET)
def test_each_service_has_its_own_role_in_the_target(name: str) -> None:
    user = {"dagster-code": "dagster"}.get(name, name)
    password = f"${{MINUANO_{user.upper()}_PASSWORD:-{user}}}"
    url = SERVICES[name]["environment"]["MINUANO_TARGET_URL"]
    assert url == f"postgresql://minuano_{ROLE_IN_TARGET[name]}:{password}@target-db/target"


@pytest.mark.parametrize("name", OWN_IMAGES)
def test_no_service_knows_the_password_of_another(name: str) -> None:
    owner = {
        "migrate": {"OWNER"}, "seed": {"OWNER"}, "connector": {"READER"},
        **{name: {"DAGSTER"} for name in DAGSTER},
    }  # fmt: skip
    passwords = set(re.findall(r"MINUANO_(\w+)_PASSWORD", str(SERVICES[name])))
    assert passwords == owner.get(name, {name.upper()})


@pytest.mark.parametrize("network", NETWORKS)
def test_only_neighbours_share_a_network(network: str) -> None:
    members = {name for name in SERVICES if network in SERVICES[name]["networks"]}
    assert members == NETWORKS[network]


def test_the_networks_of_servers_lead_nowhere_else() -> None:
    internal = {name for name, options in COMPOSE["networks"].items() if options.get("internal")}
    assert internal == {"source", "target", "streams"}
    assert set(COMPOSE["networks"]) == set(NETWORKS)


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_gains_privileges(name: str) -> None:
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert [key for key in FORBIDDEN_KEYS if key in SERVICES[name]] == []
    assert "docker.sock" not in str(SERVICES[name])


@pytest.mark.parametrize("name", SERVICES)
def test_only_the_ports_of_people_are_published_and_only_on_localhost(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert len(ports) == (name in PUBLISHED)
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_a_memory_limit(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])


@pytest.mark.parametrize(
    "name", ["connector", "extractor", "aggregator", "loader", "cli", *DAGSTER]
)
def test_no_service_gets_the_password_of_an_owner_or_administrator(name: str) -> None:
    environment = str(SERVICES[name]["environment"])
    assert not re.search("minuano_owner|POSTGRES_PASSWORD|ADMIN_PASSWORD", environment)


def test_dagster_starts_only_with_its_profile() -> None:
    dagster = {name for name in SERVICES if name.startswith("dagster")}
    in_profile = {n for n in SERVICES if SERVICES[n].get("profiles") == ["orchestration"]}
    assert dagster == in_profile


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    users = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert int(users[-1]) >= 1000


def test_no_secret_is_built_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert not re.search("PASSWORD|API_KEY|SECRET", dockerfile)
    assert ".env" in ignored or "*" in ignored
