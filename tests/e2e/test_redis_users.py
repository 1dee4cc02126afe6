"""deploy/redis/users.acl: with these users a day goes through, and nobody may do more."""

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
# The first two are the words of different servers; the last is what a new server answers to DEBUG.
REFUSED = "(?i)no permissions|can't run this command|can't access|DEBUG command not allowed"
LISTS_DEAD_LETTERS = ("dashboard", "cli")
# Of each service the streams that are none of its business.
FOREIGN = {"aggregator": "jobs", "loader": "raw"}


class Guarded(RedisServer):
    """A server that knows the users of the file and nobody else."""

    @property
    def url(self) -> str:
        return self.url_of("admin")

    def url_of(self, user: str) -> str:
        return f"redis://minuano_{user}:change-{user}@{ports.HOST}:{self.port}/0"

    def _config(self) -> str:
        lines = [line for line in super()._config().splitlines() if "requirepass" not in line]
        return "\n".join([*lines, f'aclfile "{ACL}"', ""])


class WithUsers(Stack):
    """Each service is a user of its own."""

    redis: Guarded

    def environment_of(self, service: str) -> dict[str, str]:
        mine = {"MINUANO_REDIS_URL": self.redis.url_of(service)} if service in USERS else {}
        return {**super().environment_of(service), **mine}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="minuano-users-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(
    scope="module", params=server_binaries.redis_servers(), ids=lambda server: f"{server.name}"
)
def guarded(request: pytest.FixtureRequest, folder: Path) -> Iterator[Guarded]:
    """Each kind of server with this very file."""
    server = Guarded(folder / request.param.name, folder, server=request.param)
    child = server.start()
    yield server
    stop_all([child], within_s=10)


@contextmanager
def as_user(server: Guarded, user: str) -> Iterator[Any]:
    with redis.Redis.from_url(server.url_of(user)) as client:
        yield client


@pytest.mark.parametrize("user", USERS)
def test_redis_commands_that_no_service_needs_are_refused(guarded: Guarded, user: str) -> None:
    with as_user(guarded, user) as client:
        for command in FORBIDDEN:
            with pytest.raises(redis.ResponseError, match=REFUSED):
                client.execute_command(*command.split())
        assert client.ping()


@pytest.mark.parametrize("user", SERVICES)
def test_no_service_of_the_pipeline_runs_scripts(guarded: Guarded, user: str) -> None:
    with as_user(guarded, user) as client, pytest.raises(redis.ResponseError, match=REFUSED):
        client.eval("return 1", 0)


@pytest.mark.parametrize("user", LISTS_DEAD_LETTERS)
def test_a_script_may_do_no_more_than_its_user(guarded: Guarded, user: str) -> None:
    with as_user(guarded, user) as client:
        assert DeadLetters(client, StreamNames("minuano:")).headers(1) == []
        for command in ("'FLUSHALL'", "'DEL', 'minuano:dead'", "'XADD', 'others', '*', 'a', 'b'"):
            with pytest.raises(redis.ResponseError, match=REFUSED):
                client.eval(f"return redis.call({command})", 0)


@pytest.mark.parametrize(("user", "stream"), FOREIGN.items())
def test_a_service_reaches_its_own_streams_only(guarded: Guarded, user: str, stream: str) -> None:
    with as_user(guarded, user) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.xadd(f"minuano:{stream}", {"a": "b"})


def test_the_extractor_can_read_all_streams_to_find_lost_jobs(guarded: Guarded) -> None:
    with as_user(guarded, "extractor") as client:
        for stream in ("jobs", "raw", "stats"):
            assert not client.xrange(f"minuano:{stream}")


def test_redis_refuses_a_connection_without_a_user(guarded: Guarded) -> None:
    with redis.Redis(port=guarded.port) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    wrong = f"redis://minuano_loader:wrong@{ports.HOST}:{guarded.port}"
    with redis.Redis.from_url(wrong) as client, pytest.raises(redis.ConnectionError):
        client.ping()


@pytest.mark.timeout(240)
def test_a_day_is_loaded_with_these_redis_users(folder: Path, tmp_path: Path) -> None:
    with ExitStack() as until:
        stack = WithUsers(folder / "stack", settings=FAST_SETTINGS, server_settings=NO_FSYNC)
        until.callback(stack.stop)
        stack.redis = Guarded(stack.redis.folder, stack.logs)
        execute_once(stack.start_servers().owner_source_url, SOURCE)
        stack.start_services(aggregators=1, dashboard=True)
        told = stack.environment_of("cli")
        ran = minuano("run", "2025-12-05", cwd=tmp_path, settings=told)
        assert "144 windows" in ran.stdout, ran.stderr
        client = until.enter_context(as_user(stack.redis, "admin"))
        for stream in ("jobs", "raw", "stats"):
            client.xadd(f"minuano:{stream}", {"poison": "1"})
        wait_until(lambda: client.xlen("minuano:dead") == 3, what="three dead letters")
        page = until.enter_context(httpx.Client(base_url=stack.state.dashboard_url, timeout=60))
        letters = [each["id"] for each in page.get("/api/dead").json()["letters"]]
        for verb, letter in (("replay", letters[0]), ("drop", letters[1])):
            page.post("/dead", data={"verb": verb, "letter": letter})
            assert letter not in page.get("/api/dead").text
        assert page.get("/api/pipeline").json()["redis"]["state"] == "ok"
        wait_until(lambda: client.xlen("minuano:dead") == 2, what="its death once more")
        for words in ("status", "dead-letters drop all"):
            ended = minuano(*words.split(), cwd=tmp_path, settings=told, answer="y\n")
            assert ended.returncode == 0, ended.stdout + ended.stderr
        assert client.xlen("minuano:dead") == 0
        stop_all(stack.services, within_s=10)
        logs = "".join(path.read_text() for path in stack.logs.glob("*-1.log"))
        assert "NOPERM" not in logs
