"""The folder of the embedded stack: its lock, its state file, and its servers."""

import json
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import psycopg2
import pytest
from redis import Redis

from cli.embedded import ports, stack_state, unprivileged_user
from cli.embedded.child_process import stop_all
from cli.embedded.postgres import OWNER, Postgres
from cli.embedded.redis_server import RedisServer
from cli.embedded.stack import Stack
from cli.embedded.stack_state import StackState
from shared.errors import Conflict, MinuanoError

STATE = StackState(
    source_url="postgresql://reader@h/s", target_url="postgresql://writer@h/t",
    owner_source_url="postgresql://owner@h/s", owner_target_url="postgresql://owner@h/t",
    redis_url="redis://h", connector_url="http://h:1", dashboard_url="http://h",
    extractor_url="http://h:2", servers={}, folder="/somewhere",
    settings={"MINUANO_API_KEY": "key"},
)  # fmt: skip

FAILING_INITDB = """#!/bin/sh
for word; do
  case $word in
    --pgdata=*) mkdir -p "${word#*=}" && echo 15 > "${word#*=}/PG_VERSION" ;;
  esac
done
exit 1
"""
"""It creates a part of a cluster and fails."""


@pytest.fixture
def folder(server_folder: Path) -> Path:
    """An empty folder that the user of PostgreSQL can reach."""
    folder = server_folder / "stack"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def stack(folder: Path) -> Iterator[Stack]:
    stack = Stack(folder, settings={"MINUANO_STREAM_PREFIX": "mine:"})
    yield stack
    stack.stop()


def is_allowed(url: str, statement: str) -> bool:
    """Whether the role of this URL has the privileges for a statement."""
    try:
        with closing(psycopg2.connect(url)) as connection, connection:
            connection.cursor().execute(statement)
    except psycopg2.Error as error:
        if "permission denied" not in str(error):
            raise
        return False
    return True


def announced(stack: Stack) -> Stack:
    """The stack with a state file, as after a start."""
    stack.state = STATE
    stack.announce()
    return stack


def test_no_stack_is_found_in_a_folder_without_one(tmp_path: Path) -> None:
    assert stack_state.find(tmp_path) is None


def test_a_running_stack_is_found_with_its_urls(stack: Stack) -> None:
    state = stack_state.find(announced(stack).folder)
    assert state is not None
    assert (state.redis_url, state.pid) == (STATE.redis_url, os.getpid())


def test_other_commands_get_the_settings_of_the_stack(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINUANO_SOURCE_TABLE", "scada")
    state = stack_state.find(announced(stack).folder)
    assert state is not None
    settings = state.environment()
    assert settings["MINUANO_SOURCE_TABLE"] == "scada"
    assert settings["MINUANO_STREAM_PREFIX"] == "mine:"
    assert settings["MINUANO_TARGET_URL"] == STATE.target_url


def test_the_state_file_is_readable_by_its_owner_only(stack: Stack) -> None:
    mode = (announced(stack).folder / stack_state.STATE_FILE).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_the_state_file_of_a_killed_stack_is_ignored_even_if_its_pid_lives(
    folder: Path,
) -> None:
    (folder / stack_state.LOCK_FILE).touch()
    (folder / stack_state.STATE_FILE).write_text(json.dumps(asdict(STATE)))
    assert stack_state.find(folder) is None


def test_the_next_stack_deletes_the_state_file_of_a_killed_one(
    folder: Path,
) -> None:
    (folder / stack_state.STATE_FILE).write_text(json.dumps(asdict(STATE)))
    next_one = Stack(folder)
    assert stack_state.find(folder) is None
    next_one.stop()


def test_a_stopped_stack_is_not_found(stack: Stack) -> None:
    announced(stack).stop()
    assert stack_state.find(stack.folder) is None


def test_a_folder_belongs_to_one_stack_at_a_time(stack: Stack) -> None:
    with pytest.raises(Conflict, match="in use by another minuano"):
        Stack(stack.folder)


def test_a_folder_is_free_after_its_stack_stopped(stack: Stack) -> None:
    stack.stop()
    Stack(stack.folder).stop()


def test_a_fresh_stack_deletes_the_data_of_an_earlier_one(folder: Path) -> None:
    old_file = folder / "redis" / "appendonly.aof"
    old_file.parent.mkdir(exist_ok=True)
    old_file.touch()
    Stack(folder, fresh=True).stop()
    assert not old_file.exists()


def test_free_ports_are_different_and_below_those_of_outgoing_connections() -> None:
    free = [ports.free() for _ in range(50)]
    assert len(set(free)) == 50
    assert all(ports.FIRST <= port < ports.END for port in free)


def test_the_preferred_port_is_used_if_it_is_free() -> None:
    port = ports.free()
    assert ports.preferred(port) == port


def test_another_port_is_used_if_the_preferred_one_is_not_free() -> None:
    with socket.create_server((ports.HOST, 0)) as server:
        port = server.getsockname()[1]
        assert ports.preferred(port) != port


def test_an_interrupted_initdb_is_repeated(folder: Path) -> None:
    unfinished = folder / "interrupted" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("15\n")
    (folder / "logs").mkdir(exist_ok=True)
    server = Postgres(folder / "interrupted", folder / "logs")
    child = server.start()
    try:
        psycopg2.connect(server.url()).close()
        assert not unfinished.exists()
    finally:
        stop_all([child], within_s=10)


def test_a_failed_initdb_leaves_no_cluster(folder: Path) -> None:
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "initdb").write_text(FAILING_INITDB)
    (programs / "initdb").chmod(0o755)
    server = Postgres(folder / "failed", folder)
    server.server = replace(server.server, program=programs / "postgres")
    with pytest.raises(MinuanoError, match="initdb failed"):
        server.start()
    assert not (folder / "failed" / "data").exists()


def test_the_files_with_passwords_are_readable_by_their_owner_only(
    postgres: Postgres, redis_server: RedisServer
) -> None:
    files = (
        postgres._secret,
        redis_server.folder / "password",
        redis_server.folder / "redis.conf",
    )
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3


def test_the_streams_survive_a_restart_of_redis(folder: Path) -> None:
    (folder / "logs").mkdir(exist_ok=True)
    server = RedisServer(folder / "restarted", folder / "logs")
    for expected in (1, 2):
        child = server.start()
        try:
            with closing(Redis.from_url(server.url)) as client:
                client.xadd("stream", {"n": expected})
                assert client.xlen("stream") == expected
        finally:
            stop_all([child], within_s=60)


def test_the_error_of_a_server_that_cannot_start_has_its_last_lines_and_names_its_log(
    postgres: Postgres, server_folder: Path
) -> None:
    second = Postgres(server_folder / "postgres", server_folder / "logs")
    with pytest.raises(MinuanoError) as failure:
        second.start()
    assert "postmaster" in str(failure.value)
    assert str(server_folder / "logs" / "postgres.log") in str(failure.value)


@pytest.mark.parametrize(
    ("role", "statement", "allowed"),
    [
        ("minuano_owner", "CREATE TABLE another (n int)", True),
        ("minuano_writer", "CREATE TABLE another (n int)", False),
        ("minuano_writer", "INSERT INTO samples VALUES (1)", True),
        ("minuano_reader", "SELECT * FROM samples", True),
        ("minuano_reader", "INSERT INTO samples VALUES (1)", False),
    ],
)
def test_each_role_has_the_privileges_it_needs_and_no_others(
    postgres: Postgres, source_url: str, role: str, statement: str, allowed: bool
) -> None:
    name = source_url.rsplit("/", 1)[1]
    assert is_allowed(postgres.url(name, OWNER), "CREATE TABLE samples (n int)")
    assert is_allowed(postgres.url(name, role), statement) is allowed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_for_root_the_folder_changes_its_owner_to_nobody_only_if_nobody_can_reach_it(
    postgres: Postgres, folder: Path, tmp_path: Path
) -> None:
    closed = tmp_path / "data"
    closed.mkdir()
    (closed / "left").touch()
    (folder / "left").touch()
    program = postgres.server.program
    assert unprivileged_user.unprivileged(program, folder).prefix == ()
    assert (
        unprivileged_user.unprivileged(program, closed).prefix == unprivileged_user.AS_MAPPED_USER
    )
    assert [path.owner() for path in (folder / "left", closed, closed / "left")] == [
        "nobody", "root", "root",
    ]  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_files_may_be_deleted_while_the_folder_changes_its_owner(
    postgres: Postgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/file", "gone/file", "z/file"):
        (folder / name).parent.mkdir()
        (folder / name).touch()
    chown = os.chown

    def removed_before(path: str | Path, *args: int, **options: bool) -> None:
        if Path(path) == folder / "gone":
            shutil.rmtree(path)
        chown(path, *args, **options)

    # Patched, because a server cannot be made to delete a folder at exactly this moment.
    monkeypatch.setattr(os, "chown", removed_before)
    unprivileged_user.unprivileged(postgres.server.program, folder)
    assert [(folder / name).owner() for name in ("a/file", "z/file")] == ["nobody", "nobody"]


@pytest.mark.parametrize("database", ["private", "source"])
def test_the_role_of_a_private_database_has_access_only_to_it(
    postgres: Postgres, source_url: str, database: str
) -> None:
    name = source_url.rsplit("/", 1)[1]
    with closing(psycopg2.connect(source_url)) as owner, owner, owner.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS samples (n int)")
    url = postgres.create_private_database("private")
    assert postgres.create_private_database("private") == url
    assert postgres.url().split("@")[0].split(":")[2] not in url
    if database == "private":
        assert is_allowed(url, "CREATE TABLE another (n int)")
    else:
        assert not is_allowed(f"{url.rsplit('/', 1)[0]}/{name}", "SELECT FROM samples")
    postgres.drop_database("private")


def test_other_roles_cannot_connect_to_a_private_database(postgres: Postgres) -> None:
    postgres.create_private_database("private")
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        psycopg2.connect(postgres.url("private", "minuano_writer"))
    postgres.drop_database("private")
