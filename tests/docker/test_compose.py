"""The Docker Compose section of the README in its order: one system from `up` to `down`."""

import json
import re
from collections.abc import Iterator

import pytest

from services.aggregator.settings import AggregatorSettings
from services.connector.settings import ConnectorSettings
from services.dashboard.settings import DashboardSettings
from services.extractor.settings import ExtractorSettings
from services.loader.settings import LoaderSettings
from shared.environment import PREFIX, Settings
from tests.docker.compose import Compose, has_ended, run, running_project
from tests.polling import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROWS = 1_152
SCALED = ("up", "--detach", "--wait", "--scale", "aggregator=4")
DAYS = [f"2025-12-{day:02d}" for day in range(1, 11)]
SERVICES: dict[str, type[Settings]] = {
    "aggregator": AggregatorSettings,
    "connector": ConnectorSettings,
    "dashboard": DashboardSettings,
    "extractor": ExtractorSettings,
    "loader": LoaderSettings,
}
# Aggregator and loader serve only health and metrics, which need no key.
OMITTED_SETTINGS = {
    "aggregator": {"MINUANO_API_KEY"},
    "loader": {"MINUANO_API_KEY"},
    "dashboard": {"MINUANO_LOG_FOLDER"},  # Docker keeps the logs; the services write no log files
}


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    with running_project(tmp_path_factory.mktemp("compose")) as project:
        yield project


def test_up_waits_until_everything_is_healthy(compose: Compose) -> None:
    services_and_health = compose("ps", "--format", "{{.Service}} {{.Health}}").splitlines()
    services = ("source-db", "target-db", "redis", *SERVICES)
    assert sorted(services_and_health) == sorted(f"{service} healthy" for service in services)


def test_the_command_line_loads_a_day(compose: Compose) -> None:
    assert "144 windows" in compose.cli("run", "2025-12-05")
    assert compose.rows() == {"2025-12-05": ROWS}


def test_the_dashboard_shows_the_day_and_starts_another_job(compose: Compose) -> None:
    page = compose.dashboard("GET", "/?day=2025-12-05")
    assert (page.status_code, "Overview" in page.text) == (200, True)
    assert len(compose.dashboard("GET", "/api/signals").json()) == 8
    response = compose.dashboard("POST", "/api/jobs", body={"date": "2025-12-04"})
    assert compose.wait_for_job(response.json()["id"], has_ended, within_s=60)["state"] == "done"
    assert compose.rows()["2025-12-04"] == ROWS


def test_the_dashboard_replays_and_drops_dead_letters(compose: Compose) -> None:
    compose.redis("cli", "XADD", "minuano:jobs", "*", "date", "never")
    first = wait_until(lambda: letters(compose), what="a dead letter")[0]
    assert compose.dashboard("POST", "/dead", form={"verb": "replay", "letter": first}).is_redirect
    second = wait_until(lambda: letters(compose), what="a second dead letter")[0]
    assert second != first
    assert compose.dashboard("POST", "/dead", form={"verb": "drop", "letter": second}).is_redirect
    assert letters(compose) == []


def letters(compose: Compose) -> list[str]:
    dead_letters = compose.dashboard("GET", "/api/dead").json()["letters"]
    return [letter["id"] for letter in dead_letters]


def test_a_post_from_the_host_loads_a_day(compose: Compose) -> None:
    response = compose.extractor("POST", "/jobs", body={"date": "2025-12-06"})
    assert compose.wait_for_job(response.json()["id"], has_ended, within_s=60)["state"] == "done"
    assert compose.rows()["2025-12-06"] == ROWS


def test_requests_need_the_api_key(compose: Compose) -> None:
    response = compose.extractor("POST", "/jobs", key="another", body={"date": "2025-12-06"})
    assert response.status_code == 401


def test_a_stage_can_be_scaled(compose: Compose) -> None:
    compose(*SCALED)
    assert len(compose.containers("aggregator")) == 4


def test_stopping_all_containers_kills_none_and_loses_no_row(compose: Compose) -> None:
    id = compose.extractor("POST", "/jobs", body={"start": DAYS[0], "end": DAYS[-1]}).json()["id"]
    for service in reversed(SERVICES):
        compose("stop", service)
        assert set(compose.exit_codes(service)) == {0}
        compose(*SCALED)
    assert compose.wait_for_job(id, has_ended, within_s=120)["state"] == "done"
    assert compose.rows() == dict.fromkeys(DAYS, ROWS)


def test_a_killed_aggregator_loses_no_row(compose: Compose) -> None:
    victim = compose.containers("aggregator")[0]
    # Redis delivers a batch to the paused aggregator, which never handles it.
    assert run(("docker", "pause", victim)).returncode == 0
    response = compose.extractor("POST", "/jobs", body={"start": DAYS[0], "end": DAYS[-1]})
    id = response.json()["id"]
    compose.wait_for_job(id, lambda job: job["slices"]["published"] == len(DAYS), within_s=60)
    assert run(("docker", "kill", victim)).returncode == 0
    job = compose.wait_for_job(id, has_ended, within_s=120)
    assert (job["state"], compose.rows()) == ("done", dict.fromkeys(DAYS, ROWS))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("doctor",), "all is well"),
        (("status",), "no dead letters"),
        (("dead-letters", "list"), "no dead letters"),
        (("jobs",), "done"),
        (("prune", "--older-than", "90d"), "slices 0 of 0"),
    ],
    ids=["doctor", "status", "dead-letters", "jobs", "prune"],
)
def test_commands_report_a_healthy_system(
    compose: Compose, command: tuple[str, ...], message: str
) -> None:
    assert message in compose.cli(*command)


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_runs_as_root_or_can_write_to_its_image(compose: Compose, service: str) -> None:
    command = "id -u; touch /app/x 2>/dev/null || echo refused"
    assert compose("exec", "-T", service, "sh", "-c", command).split() == ["10001", "refused"]


@pytest.mark.parametrize("service", ["source-db", "target-db", "redis"])
def test_no_server_runs_as_root_or_can_write_to_its_image(compose: Compose, service: str) -> None:
    status = compose("exec", "-T", service, "cat", "/proc/1/status").splitlines()
    fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert (int(fields["CapEff"], 16), int(fields["CapPrm"], 16)) == (0, 0)
    assert fields["NoNewPrivs"] == "1"
    touch = "touch /etc/test /usr/test 2>&1 | grep -c 'Read-only file system'"
    assert compose("exec", "-T", service, "sh", "-c", touch).split() == ["2"]


def test_no_secret_is_on_the_command_line_of_a_server_or_in_its_environment(
    compose: Compose,
) -> None:
    for service, environment in (
        ("source-db", ""),
        ("target-db", ""),
        ("redis", "/proc/1/environ"),
    ):
        text = compose("exec", "-T", service, "sh", "-c", f"cat /proc/1/cmdline {environment}")
        assert [role for role, secret in compose.passwords.items() if secret in text] == []


def test_each_service_has_its_own_redis_user(compose: Compose) -> None:
    clients = compose.redis("admin", "CLIENT", "LIST")
    users = set(re.findall(r"user=(\S+)", clients))
    services = {
        f"minuano_{service}" for service in ("extractor", "aggregator", "loader", "dashboard")
    }
    assert users - {"minuano_admin", "minuano_cli"} == services
    assert "NOPERM" in compose.redis("aggregator", "XLEN", "minuano:jobs")
    assert "NOAUTH" in compose(
        "exec", "-T", "redis", "sh", "-c", "unset REDISCLI_AUTH; redis-cli ping"
    )


def test_each_service_has_its_own_role_in_the_target(compose: Compose) -> None:
    query = "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'minuano-%'"
    psql = ("psql", "--username=postgres", "--no-align", "--tuples-only", f"--command={query}")
    roles = compose("exec", "-T", "target-db", *psql).split()
    assert set(roles) == {"minuano_extractor", "minuano_loader", "minuano_dashboard"}


@pytest.mark.parametrize(
    ("service", "reachable"),
    [
        ("aggregator", ["redis"]),
        ("connector", ["source-db"]),
        ("loader", ["redis", "target-db"]),
        ("extractor", ["connector", "redis", "target-db"]),
    ],
)
def test_only_neighbours_can_be_reached(
    compose: Compose, service: str, reachable: list[str]
) -> None:
    servers = {"connector": 8000, "redis": 6379, "source-db": 5432, "target-db": 5432}
    others = {name: port for name, port in servers.items() if name != service}
    program = f"""
import socket
for name, port in {others}.items():
    try:
        socket.create_connection((name, port), timeout=5)
        print(name)
    except OSError:
        pass
"""
    assert compose("exec", "-T", service, "python", "-c", program).split() == reachable


def test_a_job_can_be_added_with_redis_cli(compose: Compose) -> None:
    command = ("redis-cli", "--user", "minuano_cli", "XADD", "minuano:jobs", "*", "date", DAYS[0])
    assert re.match(r"\d+-0", compose("exec", "-T", "redis", *command))


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_reaches_its_service(compose: Compose, service: str) -> None:
    environment = json.loads(compose("config", "--format", "json"))["services"][service]
    settings = {f"{PREFIX}{name.upper()}" for name in SERVICES[service].model_fields}
    missing = settings - set(environment["environment"])
    assert missing == OMITTED_SETTINGS.get(service, set())


def test_a_backup_of_the_target_can_be_restored(compose: Compose) -> None:
    """The steps of docs/backup.md."""
    in_target = ("exec", "-T", "target-db")
    file = "/tmp/target.dump"  # noqa: S108 - in the container
    dump = ("pg_dump", "--username=postgres", "--format=custom", f"--file={file}", "target")
    compose(*in_target, *dump)
    days = ("2025-12-01", "2025-12-02")
    delete = "DELETE FROM data WHERE timestamp < '2025-12-03'"
    compose(*in_target, "psql", "--username=postgres", "--dbname=target", f"--command={delete}")
    assert not set(days) & set(compose.rows())
    compose("stop", *SERVICES)
    options = ("--clean", "--if-exists", "--create", "--exit-on-error", "--dbname=postgres")
    restore = ("pg_restore", "--username=postgres", *options, file)
    compose(*in_target, *restore)
    compose(*SCALED)
    assert compose.rows() == dict.fromkeys(DAYS, ROWS)
    assert "144 windows" in compose.cli("run", "2025-12-05")


def test_down_leaves_no_container_and_no_volume(compose: Compose) -> None:
    before = compose.remaining_resources()
    compose("down", "-v")
    assert (bool(before), compose.remaining_resources()) == (True, "")
