"""`minuano doctor`: whatever is wrong, it says what to do, and ends with 1."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from cli.embedded.postgres import Postgres
from cli.embedded.redis_server import RedisServer
from tests.e2e.cli_process import Ended, minuano
from tests.e2e.pipeline import Pipeline

NEWCOMER = "doctor_newcomer"
URL = re.compile(r"MINUANO_\w+_URL")
SETTINGS = [f"MINUANO_{name}_URL" for name in ("TARGET", "REDIS", "CONNECTOR", "EXTRACTOR")]


class Doctor:
    """Looks at the shared pipeline, with one setting or another changed."""

    def __init__(self, folder: Path, pipeline: Pipeline) -> None:
        self._folder, self._settings = folder, pipeline.addresses.environment()

    def __call__(self, **changed: str) -> Ended:
        settings = {f"MINUANO_{name.upper()}": value for name, value in changed.items()}
        return minuano(
            "doctor", cwd=self._folder, settings={**self._settings, **settings}, columns=80
        )


@pytest.fixture
def doctor(tmp_path: Path, usual: Pipeline) -> Doctor:
    return Doctor(tmp_path, usual)


@pytest.fixture
def newcomer_url(postgres: Postgres, target_url: str) -> Iterator[str]:
    """A migrated target, as a role that nobody granted anything."""
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            parts = urlsplit(target_url)
            cursor.execute(f"CREATE ROLE {NEWCOMER} LOGIN PASSWORD 'welcome'")
            cursor.execute(f'GRANT CONNECT ON DATABASE "{parts.path[1:]}" TO {NEWCOMER}')
            yield f"postgresql://{NEWCOMER}:welcome@{parts.hostname}:{parts.port}{parts.path}"
            cursor.execute(f"DROP OWNED BY {NEWCOMER}; DROP ROLE {NEWCOMER}")


@pytest.fixture
def evicting_url(redis_server: RedisServer) -> Iterator[str]:
    """A Redis that may evict."""
    import redis

    with redis.Redis.from_url(redis_server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        yield redis_server.url
        client.config_set("maxmemory-policy", "noeviction")


def bad(ended: Ended) -> list[str]:
    """The lines that call for something to be mended."""
    return [line for line in ended.stdout.splitlines() if line.startswith("✗")]


def test_a_sound_system_is_called_well(doctor: Doctor) -> None:
    ended = doctor()
    assert (ended.returncode, bad(ended)) == (0, [])
    assert ended.stdout.endswith("all is well\n")


def test_what_does_not_answer_is_named_with_its_setting(doctor: Doctor) -> None:
    ended = doctor(
        target_url="postgresql://127.0.0.1:1/x", redis_url="redis://127.0.0.1:1/0",
        connector_url="http://127.0.0.1:1", extractor_url="http://127.0.0.1:1",
    )  # fmt: skip
    assert ended.returncode == 1
    assert [setting in line for setting, line in zip(SETTINGS, bad(ended), strict=True)] == [
        True
    ] * 4


def test_wrong_passwords_are_told_with_their_setting_and_not_shown(
    doctor: Doctor, usual: Pipeline
) -> None:
    target, redis = urlsplit(usual.addresses.target_url), urlsplit(usual.addresses.redis_url)
    ended = doctor(
        target_url=f"postgresql://minuano_writer:guess@127.0.0.1:{target.port}{target.path}",
        redis_url=f"redis://:guess@127.0.0.1:{redis.port}/0",
    )
    in_target, in_redis = bad(ended)
    assert "password authentication failed" in in_target
    assert in_target.endswith("MINUANO_TARGET_URL is right")
    assert in_redis.endswith("MINUANO_REDIS_URL is right")
    assert "guess" not in ended.stdout + ended.stderr


def test_a_target_that_was_not_migrated_is_to_be_migrated(doctor: Doctor, source_url: str) -> None:
    [line] = bad(doctor(target_url=source_url))
    assert line.endswith("minuano migrate")


def test_a_role_that_may_not_write_is_told_what_it_lacks(doctor: Doctor, newcomer_url: str) -> None:
    [line] = bad(doctor(target_url=newcomer_url))
    assert f"role {NEWCOMER} lacks DELETE on table public.data and" in line
    assert "GRANT" in line


def test_a_role_that_may_do_everything_is_warned_of(
    doctor: Doctor, postgres: Postgres, target_url: str
) -> None:
    ended = doctor(target_url=postgres.url(urlsplit(target_url).path[1:]))
    assert ended.returncode == 0
    assert "! target     role postgres may change tables" in ended.stdout


def test_a_redis_that_evicts_is_told_its_policy(doctor: Doctor, evicting_url: str) -> None:
    [line] = bad(doctor(redis_url=evicting_url))
    assert "set maxmemory-policy noeviction" in line


def test_a_stage_without_workers_is_warned_of(doctor: Doctor) -> None:
    ended = doctor(stream_prefix="nobody:")
    assert ended.returncode == 0
    assert (
        "! redis      nobody reads nobody:raw: python -m services.aggregator does" in ended.stdout
    )


def test_a_setting_that_is_wrong_is_named(doctor: Doctor) -> None:
    [line] = bad(doctor(target_url="mysql://somewhere/else"))
    assert "MINUANO_TARGET_URL: " in line


def test_where_nothing_is_set_and_nothing_runs_each_setting_is_named(tmp_path: Path) -> None:
    ended = minuano("doctor", cwd=tmp_path)
    assert ended.returncode == 1
    assert [setting in line for setting, line in zip(SETTINGS, bad(ended), strict=True)] == [
        True
    ] * 4


@pytest.mark.parametrize("words", ["run 2025-12-05", "status", "migrate"])
def test_other_commands_end_with_2_and_say_how_to_start_a_stack(tmp_path: Path, words: str) -> None:
    ended = minuano(*words.split(), cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "minuano up" in ended.stderr
