"""A service that is told nonsense, or whose servers are not there, ends with 2 and one line."""

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
ENDS_WITHIN_S = 60.0
Settings = dict[str, str]

READERS = ("extractor", "aggregator", "loader")
WAITS_FOR = (
    ("connector", "SOURCE"), ("extractor", "REDIS"), ("extractor", "TARGET"),
    ("aggregator", "REDIS"), ("loader", "REDIS"), ("loader", "TARGET"),
)  # fmt: skip
# Each of the URLs, each of the services once.
READS = (
    ("connector", "SOURCE"), ("extractor", "CONNECTOR"), ("aggregator", "REDIS"),
    ("loader", "TARGET"),
)  # fmt: skip


@pytest.fixture
def sound(redis_server: RedisServer, source_url: str, target_url: str) -> Settings:
    """Settings with which each service starts, but for its port."""
    return {
        "MINUANO_REDIS_URL": redis_server.url,
        "MINUANO_SOURCE_URL": source_url,
        "MINUANO_TARGET_URL": target_url,
        "MINUANO_CONNECTOR_URL": f"http://{NOWHERE}",
        "MINUANO_START_TIMEOUT_S": "0.2",
        "MINUANO_LOG_LEVEL": "error",  # it says that it waits
        "MINUANO_PORT": "0",
    }


@pytest.fixture
def evicting(redis_server: RedisServer) -> Iterator[None]:
    """The Redis may evict."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        yield
        client.config_set("maxmemory-policy", "noeviction")


def complaints(sound: Settings, wrong: Mapping[tuple[str, str], str]) -> dict[str, list[str]]:
    """What each service says when one setting is wrong, and how it ends. They run side by side."""
    ran = [
        (service, setting, _started(service, {**sound, setting: value}))
        for (service, setting), value in wrong.items()
    ]
    said = {}
    for service, setting, process in ran:
        _, lines = process.communicate(timeout=ENDS_WITHIN_S)
        said[f"{service}, {setting}: {process.returncode}"] = lines.splitlines()
    return said


def _started(service: str, settings: Settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"services.{service}"],
        env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def assert_each_is_one_line(said: Mapping[str, list[str]], told: str = "") -> None:
    """Each ended with 2, and its line names the setting and tells what is wrong."""
    for ended, lines in said.items():
        setting = ended.split(", ")[1].split(":")[0]
        assert ended.endswith(": 2"), (ended, lines)
        assert len(lines) == 1, (ended, lines)
        assert f"{setting}: " in lines[0], (ended, lines)
        assert told in lines[0], (ended, lines)
        assert "hush" not in lines[0]


def urls(of: Sequence[tuple[str, str]] = READS, **wrong: str) -> dict[tuple[str, str], str]:
    """The wrong URL of each service."""
    return {(service, f"MINUANO_{name}_URL"): wrong[name] for service, name in of if name in wrong}


def test_a_missing_url(sound: Settings) -> None:
    wrong = urls(SOURCE="", REDIS="", TARGET="", CONNECTOR="")
    assert_each_is_one_line(complaints(sound, wrong), "is not set")


def test_an_invalid_url(sound: Settings) -> None:
    wrong = urls(
        SOURCE="mysql://me:hush@host/x", REDIS="http://me:hush@host", TARGET="me:hush@host",
        CONNECTOR="connector:8000",
    )  # fmt: skip
    assert_each_is_one_line(complaints(sound, wrong))


def test_a_url_with_a_nul_in_its_password(sound: Settings) -> None:
    nul = "postgresql://me:hush%00@127.0.0.1/x"
    wrong = urls((*READS, ("extractor", "TARGET")), SOURCE=nul, TARGET=nul)
    assert_each_is_one_line(complaints(sound, wrong), "contains %00")


def test_a_server_that_is_away(sound: Settings) -> None:
    away = f"postgresql://{NOWHERE}/x"
    wrong = urls(WAITS_FOR, SOURCE=away, TARGET=away, REDIS=f"redis://{NOWHERE}/0")
    assert_each_is_one_line(complaints(sound, wrong))


def test_a_server_with_another_protocol(sound: Settings) -> None:
    postgres = sound["MINUANO_TARGET_URL"].split("@")[1].split("/")[0]
    redis_ = sound["MINUANO_REDIS_URL"].split("@")[1].split("/")[0]
    wrong = urls(
        SOURCE=f"postgresql://me:hush@{redis_}/x", TARGET=f"postgresql://me:hush@{redis_}/x",
        REDIS=f"redis://:hush@{postgres}/0",
    )  # fmt: skip
    assert_each_is_one_line(complaints(sound, wrong))


def test_an_unknown_database(sound: Settings) -> None:
    wrong = urls(
        SOURCE=sound["MINUANO_SOURCE_URL"].rsplit("/", 1)[0] + "/nope",
        TARGET=sound["MINUANO_SOURCE_URL"],  # without our tables
        REDIS=sound["MINUANO_REDIS_URL"].rsplit("/", 1)[0] + "/99",
    )
    assert_each_is_one_line(complaints(sound, wrong))


def test_a_wrong_password(sound: Settings) -> None:
    wrong = {
        (service, setting): sound[setting].replace(sound[setting].split("@")[0], guess)
        for (service, setting), guess in urls(
            SOURCE="postgresql://minuano_reader:hush", REDIS="redis://:hush",
            TARGET="postgresql://minuano_writer:hush",
        ).items()
    }  # fmt: skip
    assert_each_is_one_line(complaints(sound, wrong))


def test_a_redis_with_an_eviction_policy(sound: Settings, evicting: None) -> None:
    wrong = {(service, "MINUANO_REDIS_URL"): sound["MINUANO_REDIS_URL"] for service in READERS}
    assert_each_is_one_line(complaints(sound, wrong), "set maxmemory-policy noeviction")


def test_a_read_block_longer_than_the_shutdown_timeout(sound: Settings) -> None:
    wrong = {(service, "MINUANO_READ_BLOCK_S"): "8" for service in READERS}
    assert_each_is_one_line(complaints(sound, wrong), "MINUANO_SHUTDOWN_TIMEOUT_S (8 s)")


def test_a_port_that_is_in_use(sound: Settings) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        said = complaints(sound, {("aggregator", "MINUANO_PORT"): port})
    assert_each_is_one_line(said, f"cannot listen on 127.0.0.1:{port}")
