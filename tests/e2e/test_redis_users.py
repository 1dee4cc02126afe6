"""deploy/redis/users.acl: a day can be loaded with these users, and they may not do more."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from cli.embedded import ports, server_binaries
from cli.embedded.child_process import stop_all
from cli.embedded.redis_server import RedisServer
from cli.embedded.stack import Stack
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import StreamNames
from tests.e2e.cli_process import minuano
from tests.e2e.pipeline import FAST_SETTINGS
from tests.e2e.sql import execute_once
from tests.e2e.test_secrets import SOURCE
from tests.polling import wait_until
from tests.prepared_cluster import NO_FSYNC

ACL = Path(__file__).resolve().parents[2] / "deploy" / "redis" / "users.acl"
SERVICES = ("extractor", "aggregator", "loader")
USERS = (*SERVICES, "dashboard", "cli")
FORBIDDEN = (
    "FLUSHALL", "FLUSHDB", "CONFIG GET *", "CONFIG SET dir /", "KEYS *", "SCAN 0", "DEBUG SLEEP 0",
    "ACL LIST", "SHUTDOWN NOSAVE", "REPLICAOF NO ONE", "MONITOR", "MODULE LIST",
    "CLIENT LIST", "SCRIPT FLUSH", "SAVE", "MIGRATE h 1 k 0 1", "PUBLISH minuano:jobs x",
    "DEL minuano:dead", "XTRIM minuano:dead MAXLEN 0", "XGROUP DESTROY minuano:dead extractor",
    "SET minuano:raw x", "RENAME minuano:raw minuano:dead", "XADD others * a b", "GET others",
)  # fmt: skip
# Servers refuse a command with different messages; the last one is for DEBUG on new servers.
REFUSED = "(?i)no permissions|can't run this command|can't access|DEBUG command not allowed"
LISTS_DEAD_LETTERS = ("dashboard", "cli")
# For each service a stream that it must not access.
FOREIGN = {"aggregator": "jobs", "loader": "raw"}


class AclRedisServer(RedisServer):
    """A server with only the users of the file."""

    @property
    def url(self) -> str:
        return self.url_of("admin")

    def url_of(self, user: str) -> str:
        return f"redis://minuano_{user}:change-{user}@{ports.HOST}:{self.port}/0"

    def _config(self) -> str:
        lines = [line for line in super()._config().splitlines() if "requirepass" not in line]
        return "\n".join([*lines, f'aclfile "{ACL}"', ""])


class AclStack(Stack):
    """A stack in which each service connects as its own user."""

    redis: AclRedisServer

    def environment_of(self, service: str) -> dict[str, str]:
        url = {"MINUANO_REDIS_URL": self.redis.url_of(service)} if service in USERS else {}
        return {**super().environment_of(service), **url}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="minuano-users-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(
    scope="module", params=server_binaries.redis_servers(), ids=lambda server: f"{server.name}"
)
def acl_server(request: pytest.FixtureRequest, folder: Path) -> Iterator[AclRedisServer]:
    """Each supported kind of server with this file."""
    server = AclRedisServer(folder / request.param.name, folder, server=request.param)
    child = server.start()
    yield server
    stop_all([child], within_s=10)


@contextmanager
def as_user(server: AclRedisServer, user: str) -> Iterator[Any]:
    with redis.Redis.from_url(server.url_of(user)) as client:
        yield client


@pytest.mark.parametrize("user", USERS)
def test_redis_commands_that_no_service_needs_are_refused(
    acl_server: AclRedisServer, user: str
) -> None:
    with as_user(acl_server, user) as client:
        for command in FORBIDDEN:
            with pytest.raises(redis.ResponseError, match=REFUSED):
                client.execute_command(*command.split())
        assert client.ping()


@pytest.mark.parametrize("user", SERVICES)
def test_no_service_of_the_pipeline_runs_scripts(acl_server: AclRedisServer, user: str) -> None:
    with as_user(acl_server, user) as client, pytest.raises(redis.ResponseError, match=REFUSED):
        client.eval("return 1", 0)


@pytest.mark.parametrize("user", LISTS_DEAD_LETTERS)
def test_a_script_may_do_no_more_than_its_user(acl_server: AclRedisServer, user: str) -> None:
    with as_user(acl_server, user) as client:
        assert DeadLetters(client, StreamNames("minuano:")).headers(1) == []
        for command in ("'FLUSHALL'", "'DEL', 'minuano:dead'", "'XADD', 'others', '*', 'a', 'b'"):
            with pytest.raises(redis.ResponseError, match=REFUSED):
                client.eval(f"return redis.call({command})", 0)


@pytest.mark.parametrize(("user", "stream"), FOREIGN.items())
def test_a_service_reaches_its_own_streams_only(
    acl_server: AclRedisServer, user: str, stream: str
) -> None:
    with as_user(acl_server, user) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.xadd(f"minuano:{stream}", {"a": "b"})


def test_the_extractor_can_read_all_streams_to_find_lost_jobs(acl_server: AclRedisServer) -> None:
    with as_user(acl_server, "extractor") as client:
        for stream in ("jobs", "raw", "stats"):
            assert not client.xrange(f"minuano:{stream}")


def test_redis_refuses_a_connection_without_a_user(acl_server: AclRedisServer) -> None:
    with redis.Redis(port=acl_server.port) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    wrong = f"redis://minuano_loader:wrong@{ports.HOST}:{acl_server.port}"
    with redis.Redis.from_url(wrong) as client, pytest.raises(redis.ConnectionError):
        client.ping()


@pytest.mark.timeout(240)
def test_a_day_is_loaded_with_these_redis_users(folder: Path, tmp_path: Path) -> None:
    with ExitStack() as exit_stack:
        stack = AclStack(folder / "stack", settings=FAST_SETTINGS, server_settings=NO_FSYNC)
        exit_stack.callback(stack.stop)
        stack.redis = AclRedisServer(stack.redis.folder, stack.logs)
        execute_once(stack.start_servers().owner_source_url, SOURCE)
        stack.start_services(aggregators=1, dashboard=True)
        settings = stack.environment_of("cli")
        result = minuano("run", "2025-12-05", cwd=tmp_path, settings=settings)
        assert "144 windows" in result.stdout, result.stderr
        client = exit_stack.enter_context(as_user(stack.redis, "admin"))
        for stream in ("jobs", "raw", "stats"):
            client.xadd(f"minuano:{stream}", {"poison": "1"})
        wait_until(lambda: client.xlen("minuano:dead") == 3, what="three dead letters")
        page = exit_stack.enter_context(
            httpx.Client(base_url=stack.state.dashboard_url, timeout=60)
        )
        letters = [letter["id"] for letter in page.get("/api/dead").json()["letters"]]
        for verb, letter in (("replay", letters[0]), ("drop", letters[1])):
            page.post("/dead", data={"verb": verb, "letter": letter})
            assert letter not in page.get("/api/dead").text
        assert page.get("/api/pipeline").json()["redis"]["state"] == "ok"
        wait_until(
            lambda: client.xlen("minuano:dead") == 2,
            what="the replayed entry as a dead letter again",
        )
        for words in ("status", "dead-letters drop all"):
            result = minuano(*words.split(), cwd=tmp_path, settings=settings, answer="y\n")
            assert result.returncode == 0, result.stdout + result.stderr
        assert client.xlen("minuano:dead") == 0
        stop_all(stack.services, within_s=10)
        logs = "".join(path.read_text() for path in stack.logs.glob("*-1.log"))
        assert "NOPERM" not in logs
