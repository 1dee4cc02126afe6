"""The embedded stack's folder: who has it, who finds it, and what is in it."""

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
from cli.embedded.postgres import Postgres
from cli.embedded.redis_server import RedisServer
from cli.embedded.stack import Stack
from cli.embedded.stack_state import StackState
from shared.errors import Conflict, MinuanoError

ADDRESSES = StackState(
    source_url="postgresql://reader@h/s", target_url="postgresql://writer@h/t",
    owner_source_url="postgresql://owner@h/s", owner_target_url="postgresql://owner@h/t",
    redis_url="redis://h", connector_url="http://h:1", dashboard_url="http://h", extractor_url="http://h:2",
    servers={}, folder="/somewhere", settings={"MINUANO_API_KEY": "key"},
)  # fmt: skip

TORN_INITDB = """#!/bin/sh
for word; do
  case $word in
    --pgdata=*) mkdir -p "${word#*=}" && echo 15 > "${word#*=}/PG_VERSION" ;;
  esac
done
exit 1
"""
"""Begins a cluster and fails."""


@pytest.fixture
def folder(server_folder: Path) -> Path:
    """A folder of one's own that PostgreSQL's user can reach."""
    made = server_folder / "stack"
    made.mkdir(exist_ok=True)
    return made


@pytest.fixture
def stack(folder: Path) -> Iterator[Stack]:
    made = Stack(folder, settings={"MINUANO_STREAM_PREFIX": "mine:"})
    yield made
    made.stop()


def announced(stack: Stack) -> Stack:
    """The stack as if it had been started."""
    stack.state = ADDRESSES
    stack.announce()
    return stack


def test_where_nothing_ran_nothing_is_found(tmp_path: Path) -> None:
    assert stack_state.find(tmp_path) is None


def test_a_stack_that_runs_is_found_with_its_addresses(stack: Stack) -> None:
    found = stack_state.find(announced(stack).folder)
    assert found is not None
    assert (found.redis_url, found.pid) == (ADDRESSES.redis_url, os.getpid())


def test_what_was_set_for_the_stack_reaches_those_who_find_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINUANO_SOURCE_TABLE", "scada")
    found = stack_state.find(announced(stack).folder)
    assert found is not None
    told = found.environment()
    assert (told["MINUANO_SOURCE_TABLE"], told["MINUANO_STREAM_PREFIX"]) == ("scada", "mine:")
    assert told["MINUANO_TARGET_URL"] == ADDRESSES.target_url


def test_what_others_read_of_it_is_for_the_owner_only(stack: Stack) -> None:
    mode = (announced(stack).folder / stack_state.STATE_FILE).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_file_that_a_killed_stack_left_is_not_believed_even_if_its_pid_lives(
    folder: Path,
) -> None:
    (folder / stack_state.LOCK_FILE).touch()
    (folder / stack_state.STATE_FILE).write_text(json.dumps(asdict(ADDRESSES)))
    assert stack_state.find(folder) is None


def test_a_file_that_a_killed_stack_left_is_gone_as_soon_as_the_next_one_starts(
    folder: Path,
) -> None:
    (folder / stack_state.STATE_FILE).write_text(json.dumps(asdict(ADDRESSES)))
    next_one = Stack(folder)
    assert stack_state.find(folder) is None
    next_one.stop()


def test_a_stack_that_was_ended_is_not_found(stack: Stack) -> None:
    announced(stack).stop()
    assert stack_state.find(stack.folder) is None


def test_a_folder_belongs_to_one_stack_at_a_time(stack: Stack) -> None:
    with pytest.raises(Conflict, match="in use by another minuano"):
        Stack(stack.folder)


def test_a_folder_is_free_again_after_the_end(stack: Stack) -> None:
    stack.stop()
    Stack(stack.folder).stop()


def test_a_fresh_stack_forgets_what_an_earlier_one_left(folder: Path) -> None:
    left = folder / "redis" / "appendonly.aof"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    Stack(folder, fresh=True).stop()
    assert not left.exists()


def test_a_free_port_is_none_that_connections_go_out_from_and_is_given_once() -> None:
    given = [ports.free() for _ in range(50)]
    assert len(set(given)) == 50
    assert all(ports.FIRST <= port < ports.END for port in given)


def test_the_usual_port_is_taken_if_it_is_free() -> None:
    port = ports.free()
    assert ports.preferred(port) == port


def test_another_port_is_taken_if_the_usual_one_is_not_free() -> None:
    with socket.create_server((ports.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert ports.preferred(port) != port


def test_a_cluster_whose_making_was_interrupted_is_made_anew(folder: Path) -> None:
    torn = folder / "torn" / "data.unfinished"
    torn.mkdir(parents=True)
    (torn / "PG_VERSION").write_text("15\n")
    (folder / "logs").mkdir(exist_ok=True)
    server = Postgres(folder / "torn", folder / "logs")
    child = server.start()
    try:
        psycopg2.connect(server.url()).close()
        assert not torn.exists()
    finally:
        stop_all([child], within_s=10)


def test_a_cluster_whose_making_fails_is_not_taken_for_a_whole_one(folder: Path) -> None:
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "initdb").write_text(TORN_INITDB)
    (programs / "initdb").chmod(0o755)
    server = Postgres(folder / "failed", folder)
    server.server = replace(server.server, program=programs / "postgres")
    with pytest.raises(MinuanoError, match="initdb failed"):
        server.start()
    assert not (folder / "failed" / "data").exists()


def test_the_passwords_of_the_servers_are_for_their_owner_only(
    postgres: Postgres, redis_server: RedisServer
) -> None:
    files = (
        postgres._secret,
        redis_server.folder / "password",
        redis_server.folder / "redis.conf",
    )
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3


def test_the_streams_outlive_a_restart_of_redis(folder: Path) -> None:
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


def test_a_server_that_can_not_start_says_why_and_where_more_is_to_read(
    postgres: Postgres, server_folder: Path
) -> None:
    late = Postgres(server_folder / "postgres", server_folder / "logs")
    with pytest.raises(MinuanoError) as failure:
        late.start()
    assert "postmaster" in str(failure.value)
    assert str(server_folder / "logs" / "postgres.log") in str(failure.value)


@pytest.mark.parametrize(
    ("role", "statement", "allowed"),
    [
        ("minuano_owner", "CREATE TABLE mine (n int)", True),
        ("minuano_writer", "CREATE TABLE mine (n int)", False),
        ("minuano_writer", "INSERT INTO theirs VALUES (1)", True),
        ("minuano_reader", "SELECT * FROM theirs", True),
        ("minuano_reader", "INSERT INTO theirs VALUES (1)", False),
    ],
)
def test_each_role_may_do_its_work_and_no_more(
    postgres: Postgres, source_url: str, role: str, statement: str, allowed: bool
) -> None:
    name = source_url.rsplit("/", 1)[1]
    for as_role, text in (("minuano_owner", "CREATE TABLE theirs (n int)"), (role, statement)):
        connection = psycopg2.connect(postgres.url(name, as_role))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(text)
            done = True
        except psycopg2.errors.InsufficientPrivilege:
            done = False
        finally:
            connection.close()
    assert done is allowed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_for_root_a_reachable_folder_becomes_nobodys_and_one_below_a_closed_one_stays_roots(
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_what_a_server_removes_while_the_folder_changes_its_owner_is_not_missed(
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

    # Patched, since a server can't be made to remove a folder just at this moment.
    monkeypatch.setattr(os, "chown", removed_before)
    unprivileged_user.unprivileged(postgres.server.program, folder)
    assert [(folder / name).owner() for name in ("a/file", "z/file")] == ["nobody", "nobody"]


@pytest.mark.parametrize("database", ["private", "source"])
def test_the_role_of_a_private_database_reaches_that_and_nothing_else(
    postgres: Postgres, source_url: str, database: str
) -> None:
    name = source_url.rsplit("/", 1)[1]
    with closing(psycopg2.connect(source_url)) as owner, owner, owner.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS theirs (n int)")
    url = postgres.create_private_database("private")
    assert postgres.create_private_database("private") == url
    assert postgres.url().split("@")[0].split(":")[2] not in url
    if database == "private":
        statement = "CREATE TABLE mine (n int)"
    else:
        statement, url = "SELECT FROM theirs", f"{url.rsplit('/', 1)[0]}/{name}"
    allowed = True
    try:
        with closing(psycopg2.connect(url)) as guest, guest, guest.cursor() as cursor:
            cursor.execute(statement)
    except psycopg2.Error as error:
        allowed = "permission denied" not in str(error)
    assert allowed is (database == "private")
    postgres.drop_database("private")


def test_others_do_not_come_into_a_private_database(postgres: Postgres) -> None:
    postgres.create_private_database("private")
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        psycopg2.connect(postgres.url("private", "minuano_writer"))
    postgres.drop_database("private")
