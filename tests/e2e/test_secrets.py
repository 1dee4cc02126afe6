"""No readable text contains a secret: each key and password is a canary."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import redis

from cli.embedded.child_process import stop_all
from tests.e2e.secret_leak_stack import ROLES, SecretLeakStack
from tests.e2e.sql import execute_once
from tests.polling import wait_until
from tests.prepared_cluster import copy_prepared_cluster

SOURCE = """
    CREATE TABLE data (timestamp timestamptz PRIMARY KEY, wind_speed float8, power float8);
    INSERT INTO data SELECT timestamptz '2025-12-05Z' + n * interval '1 minute', n / 7.0, n * 1.5
    FROM generate_series(0, 1439) n
"""
pytestmark = pytest.mark.timeout(300)

COMMANDS = ("doctor", "status", "run 2025-12-05", "dead-letters list")
WRONG_SERVICES = ("connector-bad", "extractor-bad", "aggregator-bad", "loader-bad")


@pytest.fixture(scope="module")
def leak_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretLeakStack]:
    """A stack after success and failure, with all text collected on the way."""
    with ExitStack() as exit_stack:
        folder = Path(
            exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="minuano-secret-"))
        )
        folder.chmod(0o755)
        copy_prepared_cluster(folder / "postgres")
        stack = SecretLeakStack(folder)
        exit_stack.callback(stack.stop)
        execute_once(stack.start_servers().owner_source_url, SOURCE)
        stack.set_passwords({role: canary.text for role, canary in stack.passwords.items()})
        folder_of_user = tmp_path_factory.mktemp("terminal")
        load_and_fail_entries(stack)
        stack.collect_commands(folder_of_user, *COMMANDS)
        start_with_wrong_settings(stack)
        change_passwords(stack)
        stack.collect_commands(folder_of_user, "doctor", "jobs")
        stop_all(stack.servers, within_s=5)
        stack.collect_http()
        stack.collect_commands(folder_of_user, "doctor")
        stop_all(stack.services, within_s=10)
        stack.collect_logs()
        yield stack


def load_and_fail_entries(stack: SecretLeakStack) -> None:
    """Load a day; an invalid entry on each stream becomes a dead letter."""
    stack.start_services(aggregators=1)
    assert stack.post(date="2025-12-05").status_code == 202
    wait_until(
        lambda: execute_once(stack.postgres.url("target"), "SELECT 1 FROM signal"), what="a load"
    )
    with redis.Redis.from_url(stack.redis.url) as client:
        for stream in ("jobs", "raw", "stats"):
            client.xadd(f"minuano:{stream}", {"job": 1, "payload": b"\xff\xff"})
        wait_until(lambda: client.xlen("minuano:dead") == 3, what="three dead letters")
    stack.collect_http()


def start_with_wrong_settings(stack: SecretLeakStack) -> None:
    """Start services with wrong passwords, unreachable servers, and a key that is refused."""
    wrong, away = stack.urls(wrong=True), stack.urls(away=True)
    stack.start_extra("connector", "connector-bad", **wrong)
    stack.start_extra("extractor", "extractor-bad", **away)
    stack.start_extra("aggregator", "aggregator-bad", MINUANO_REDIS_URL=wrong["MINUANO_REDIS_URL"])
    stack.start_extra("loader", "loader-bad", MINUANO_TARGET_URL=wrong["MINUANO_TARGET_URL"])
    for name in WRONG_SERVICES:
        wait_until(partial(is_waiting, stack, name), what=f"a wait of {name}")
    stop_all([stack.service("extractor-1"), *map(stack.service, WRONG_SERVICES)], within_s=10)
    port = stack.state.extractor_url.rsplit(":", 1)[1]
    keys = f"{stack.keys[2].text},{stack.keys[0].text}"
    stack.start_extra("extractor", "extractor-refused", MINUANO_PORT=port, MINUANO_API_KEY=keys)
    wait_until(lambda: "service.started" in stack.log_text("extractor-refused"), what="its start")
    assert stack.post(date="2025-12-05").status_code == 202
    failed = "SELECT 1 FROM etl.job WHERE error LIKE '%MINUANO_API_KEY%'"
    wait_until(
        lambda: execute_once(stack.postgres.url("target"), failed), what="the failure of a job"
    )
    stack.collect_rows()


def is_waiting(stack: SecretLeakStack, name: str) -> bool:
    return "service.waiting" in stack.log_text(name)


def has_outage(stack: SecretLeakStack, name: str) -> bool:
    return stack.health_status(name) == 503


def change_passwords(stack: SecretLeakStack) -> None:
    """Change the passwords while the services run."""
    stack.set_passwords(dict.fromkeys(ROLES.values(), "another"))
    for name in ("connector-1", "extractor-1", "aggregator-1", "loader-1"):
        wait_until(partial(has_outage, stack, name), what=f"an outage of {name}")
    stack.post(date="2025-12-05")
    stack.collect_http()


@pytest.mark.parametrize(
    ("kind", "expected_texts"),
    [
        ("log", ['"event": "service.waiting"', "service.waiting ", "password authentication failed",
                 '"level": "debug"', "debug", "redis.unavailable", "request.unavailable"]),
        ("response", ["401 ", "404 ", "422 ", "503 ", "password authentication failed"]),
        ("metrics", ["minuano_"]),
        ("command", ["schema 0001", "password authentication failed", "Connection refused"]),
        ("row", ["MINUANO_API_KEY", "wind_speed_mean_10m"]),
        ("entry", ["dead_reason"]),
    ],
)  # fmt: skip
def test_no_secret_appears_in_any_output(
    leak_stack: SecretLeakStack, kind: str, expected_texts: list[str]
) -> None:
    assert leak_stack.leaks(kind) == []
    collected = leak_stack.text_of(kind)
    assert [text for text in expected_texts if text not in collected] == []


def test_a_leaked_secret_is_found(leak_stack: SecretLeakStack) -> None:
    leak_stack.outputs["nothing at all"].append(f"password={leak_stack.wrong_password.marks[1]}")
    assert leak_stack.leaks("nothing") == ["nothing at all"]
