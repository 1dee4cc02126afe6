"""With a wrong setting or without its servers a service prints one line and exits with 2."""

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import pytest
import redis

from cli.embedded.redis_server import RedisServer
from tests.e2e.cli_process import environment

NOWHERE = "127.0.0.1:1"
EXIT_TIMEOUT_S = 60.0
Settings = dict[str, str]

READERS = ("extractor", "aggregator", "loader")
WAITS_FOR = (
    ("connector", "SOURCE"), ("extractor", "REDIS"), ("extractor", "TARGET"),
    ("aggregator", "REDIS"), ("loader", "REDIS"), ("loader", "TARGET"),
)  # fmt: skip
# Each URL and each service once.
READS = (
    ("connector", "SOURCE"), ("extractor", "CONNECTOR"), ("aggregator", "REDIS"),
    ("loader", "TARGET"),
)  # fmt: skip


@pytest.fixture
def valid_settings(redis_server: RedisServer, source_url: str, target_url: str) -> Settings:
    """Settings with which each service starts."""
    return {
        "MINUANO_REDIS_URL": redis_server.url,
        "MINUANO_SOURCE_URL": source_url,
        "MINUANO_TARGET_URL": target_url,
        "MINUANO_CONNECTOR_URL": f"http://{NOWHERE}",
        "MINUANO_START_TIMEOUT_S": "0.2",
        "MINUANO_LOG_LEVEL": "error",  # omits the lines about waiting for servers
        "MINUANO_PORT": "0",
    }


@pytest.fixture
def eviction_policy(redis_server: RedisServer) -> Iterator[None]:
    """Redis has an eviction policy."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        yield
        client.config_set("maxmemory-policy", "noeviction")


def run_services(
    valid_settings: Settings, wrong: Mapping[tuple[str, str], str]
) -> dict[str, list[str]]:
    """Run each service with one wrong setting, in parallel. Return the lines of each by
    `service, setting: exit code`.
    """
    processes = [
        (service, setting, _start(service, {**valid_settings, setting: value}))
        for (service, setting), value in wrong.items()
    ]
    outputs = {}
    for service, setting, process in processes:
        _, lines = process.communicate(timeout=EXIT_TIMEOUT_S)
        outputs[f"{service}, {setting}: {process.returncode}"] = lines.splitlines()
    return outputs


def _start(service: str, settings: Settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"services.{service}"],
        env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def assert_each_is_one_line(outputs: Mapping[str, list[str]], expected: str = "") -> None:
    """Each service exited with code 2; its line names the setting and contains `expected`."""
    for run, lines in outputs.items():
        setting = run.split(", ")[1].split(":")[0]
        assert run.endswith(": 2"), (run, lines)
        assert len(lines) == 1, (run, lines)
        assert f"{setting}: " in lines[0], (run, lines)
        assert expected in lines[0], (run, lines)
        assert "hush" not in lines[0]


def urls(pairs: Sequence[tuple[str, str]] = READS, **wrong: str) -> dict[tuple[str, str], str]:
    """The wrong URLs by service and setting, for each pair with a keyword of its name."""
    return {
        (service, f"MINUANO_{name}_URL"): wrong[name] for service, name in pairs if name in wrong
    }


def test_a_missing_url_is_reported(valid_settings: Settings) -> None:
    wrong = urls(SOURCE="", REDIS="", TARGET="", CONNECTOR="")
    assert_each_is_one_line(run_services(valid_settings, wrong), "is not set")


def test_an_invalid_url_is_reported(valid_settings: Settings) -> None:
    wrong = urls(
        SOURCE="mysql://me:hush@host/x", REDIS="http://me:hush@host", TARGET="me:hush@host",
        CONNECTOR="connector:8000",
    )  # fmt: skip
    assert_each_is_one_line(run_services(valid_settings, wrong))


def test_a_url_with_a_nul_in_its_password_is_reported(valid_settings: Settings) -> None:
    nul = "postgresql://me:hush%00@127.0.0.1/x"
    wrong = urls((*READS, ("extractor", "TARGET")), SOURCE=nul, TARGET=nul)
    assert_each_is_one_line(run_services(valid_settings, wrong), "contains %00")


def test_an_unreachable_server_is_reported(valid_settings: Settings) -> None:
    unreachable = f"postgresql://{NOWHERE}/x"
    wrong = urls(WAITS_FOR, SOURCE=unreachable, TARGET=unreachable, REDIS=f"redis://{NOWHERE}/0")
    assert_each_is_one_line(run_services(valid_settings, wrong))


def test_a_server_with_another_protocol_is_reported(valid_settings: Settings) -> None:
    postgres = valid_settings["MINUANO_TARGET_URL"].split("@")[1].split("/")[0]
    redis_ = valid_settings["MINUANO_REDIS_URL"].split("@")[1].split("/")[0]
    wrong = urls(
        SOURCE=f"postgresql://me:hush@{redis_}/x", TARGET=f"postgresql://me:hush@{redis_}/x",
        REDIS=f"redis://:hush@{postgres}/0",
    )  # fmt: skip
    assert_each_is_one_line(run_services(valid_settings, wrong))


def test_an_unknown_database_is_reported(valid_settings: Settings) -> None:
    wrong = urls(
        SOURCE=valid_settings["MINUANO_SOURCE_URL"].rsplit("/", 1)[0] + "/nope",
        TARGET=valid_settings["MINUANO_SOURCE_URL"],  # has no tables of Minuano
        REDIS=valid_settings["MINUANO_REDIS_URL"].rsplit("/", 1)[0] + "/99",
    )
    assert_each_is_one_line(run_services(valid_settings, wrong))


def test_a_prefix_of_another_ledger_is_reported(valid_settings: Settings) -> None:
    prefix = "another-ledger:"
    with closing(redis.Redis.from_url(valid_settings["MINUANO_REDIS_URL"])) as client:
        client.hset(f"{prefix}ledger", "schema", "0b2f4a51-8a52-4c46-9d52-3c7d0a5ff0aa")
    wrong = {(service, "MINUANO_STREAM_PREFIX"): prefix for service in ("extractor", "loader")}
    assert_each_is_one_line(run_services(valid_settings, wrong), "give each target a prefix")


def test_a_wrong_password_is_reported(valid_settings: Settings) -> None:
    wrong_users = urls(
        SOURCE="postgresql://minuano_reader:hush", REDIS="redis://:hush",
        TARGET="postgresql://minuano_writer:hush",
    )  # fmt: skip
    wrong = {
        (service, setting): f"{user}@{valid_settings[setting].partition('@')[2]}"
        for (service, setting), user in wrong_users.items()
    }
    assert_each_is_one_line(run_services(valid_settings, wrong))


def test_a_redis_with_an_eviction_policy_is_reported(
    valid_settings: Settings, eviction_policy: None
) -> None:
    url = valid_settings["MINUANO_REDIS_URL"]
    wrong = {(service, "MINUANO_REDIS_URL"): url for service in READERS}
    assert_each_is_one_line(run_services(valid_settings, wrong), "set maxmemory-policy noeviction")


def test_a_read_block_longer_than_the_shutdown_timeout_is_reported(
    valid_settings: Settings,
) -> None:
    wrong = {(service, "MINUANO_READ_BLOCK_S"): "8" for service in READERS}
    assert_each_is_one_line(run_services(valid_settings, wrong), "MINUANO_SHUTDOWN_TIMEOUT_S (8 s)")


def test_a_port_in_use_is_reported(valid_settings: Settings) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        outputs = run_services(valid_settings, {("aggregator", "MINUANO_PORT"): port})
    assert_each_is_one_line(outputs, f"cannot listen on 127.0.0.1:{port}")
