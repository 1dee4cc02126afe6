"""`minuano doctor`: for each problem it says what to do, and it ends with 1."""

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

STRANGER = "doctor_stranger"
URL = re.compile(r"MINUANO_\w+_URL")
SETTINGS = [f"MINUANO_{name}_URL" for name in ("TARGET", "REDIS", "CONNECTOR", "EXTRACTOR")]


class Doctor:
    """Checks the shared pipeline, with some settings changed."""

    def __init__(self, folder: Path, pipeline: Pipeline) -> None:
        self._folder, self._settings = folder, pipeline.addresses.environment()

    def __call__(self, **changed: str) -> Ended:
        settings = {f"MINUANO_{name.upper()}": value for name, value in changed.items()}
        return minuano(
            "doctor", cwd=self._folder, settings={**self._settings, **settings}, columns=80
        )


@pytest.fixture
def doctor(tmp_path: Path, shared_pipeline: Pipeline) -> Doctor:
    return Doctor(tmp_path, shared_pipeline)


@pytest.fixture
def stranger_url(postgres: Postgres, target_url: str) -> Iterator[str]:
    """A migrated target, with a role that has no privileges on its tables."""
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            parts = urlsplit(target_url)
            cursor.execute(f"CREATE ROLE {STRANGER} LOGIN PASSWORD 'password'")
            cursor.execute(f'GRANT CONNECT ON DATABASE "{parts.path[1:]}" TO {STRANGER}')
            yield f"postgresql://{STRANGER}:password@{parts.hostname}:{parts.port}{parts.path}"
            cursor.execute(f"DROP OWNED BY {STRANGER}; DROP ROLE {STRANGER}")


@pytest.fixture
def evicting_url(redis_server: RedisServer) -> Iterator[str]:
    """A Redis whose policy is to evict keys."""
    import redis

    with redis.Redis.from_url(redis_server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        yield redis_server.url
        client.config_set("maxmemory-policy", "noeviction")


def problems(result: Ended) -> list[str]:
    """The lines that report a problem."""
    return [line for line in result.stdout.splitlines() if line.startswith("✗")]


def names_each_setting(lines: list[str]) -> bool:
    """Whether there is one line for each of `SETTINGS`, in the same order."""
    return all(setting in line for setting, line in zip(SETTINGS, lines, strict=True))


def test_a_system_without_problems_is_reported_as_well(doctor: Doctor) -> None:
    result = doctor()
    assert (result.returncode, problems(result)) == (0, [])
    warnings = sum(line.startswith("!") for line in result.stdout.splitlines())
    words = f"nothing to fix, warnings: {warnings}" if warnings else "all is well"
    assert result.stdout.endswith(f"{words}\n")


def test_a_server_that_does_not_answer_is_named_with_its_setting(doctor: Doctor) -> None:
    result = doctor(
        target_url="postgresql://127.0.0.1:1/x", redis_url="redis://127.0.0.1:1/0",
        connector_url="http://127.0.0.1:1", extractor_url="http://127.0.0.1:1",
    )  # fmt: skip
    assert result.returncode == 1
    assert names_each_setting(problems(result))


def test_a_wrong_password_is_reported_with_its_setting_and_not_printed(
    doctor: Doctor, shared_pipeline: Pipeline
) -> None:
    target, redis = (
        urlsplit(shared_pipeline.addresses.target_url),
        urlsplit(shared_pipeline.addresses.redis_url),
    )
    result = doctor(
        target_url=f"postgresql://minuano_writer:guess@127.0.0.1:{target.port}{target.path}",
        redis_url=f"redis://:guess@127.0.0.1:{redis.port}/0",
    )
    in_target, in_redis = problems(result)
    assert "password authentication failed" in in_target
    assert in_target.endswith("MINUANO_TARGET_URL is right")
    assert in_redis.endswith("MINUANO_REDIS_URL is right")
    assert "guess" not in result.stdout + result.stderr


def test_for_a_target_without_tables_it_says_to_migrate(doctor: Doctor, source_url: str) -> None:
    [line] = problems(doctor(target_url=source_url))
    assert line.endswith("minuano migrate")


def test_the_missing_privileges_of_a_role_are_named(doctor: Doctor, stranger_url: str) -> None:
    [line] = problems(doctor(target_url=stranger_url))
    assert f"role {STRANGER} lacks DELETE on table etl.ended_session and" in line
    assert "GRANT" in line


def test_a_role_that_may_change_tables_is_a_warning(
    doctor: Doctor, postgres: Postgres, target_url: str
) -> None:
    result = doctor(
        target_url=postgres.url(urlsplit(target_url).path[1:]), stream_prefix="of-nobody:"
    )
    assert result.returncode == 0
    assert "! target     role postgres may change tables" in result.stdout


def test_a_redis_that_evicts_needs_another_policy(doctor: Doctor, evicting_url: str) -> None:
    [line] = problems(doctor(redis_url=evicting_url))
    assert "set maxmemory-policy noeviction" in line


def test_a_stage_without_workers_is_a_warning(doctor: Doctor) -> None:
    result = doctor(stream_prefix="nobody:")
    assert result.returncode == 0
    assert (
        "! redis      no worker reads nobody:raw: start python -m services.aggregator"
        in result.stdout
    )


def test_streams_of_another_ledger_are_a_problem(doctor: Doctor, redis_server: RedisServer) -> None:
    import redis

    with redis.Redis.from_url(redis_server.url) as client:
        client.hset("foreign:ledger", "schema", "0b2f4a51-8a52-4c46-9d52-3c7d0a5ff0aa")
    [line] = problems(doctor(redis_url=redis_server.url, stream_prefix="foreign:"))
    assert "belong to the ledger 0b2f4a51" in line


def test_a_wrong_setting_is_named(doctor: Doctor) -> None:
    [line] = problems(doctor(target_url="mysql://somewhere/else"))
    assert "MINUANO_TARGET_URL: " in line


def test_without_settings_and_without_a_stack_each_setting_is_named(tmp_path: Path) -> None:
    result = minuano("doctor", cwd=tmp_path)
    assert result.returncode == 1
    assert names_each_setting(problems(result))


def test_a_terminal_that_has_only_ascii_gets_ascii(tmp_path: Path) -> None:
    result = minuano("doctor", cwd=tmp_path, settings={"PYTHONIOENCODING": "ascii"})
    assert (result.returncode, result.stderr) == (1, "")
    assert names_each_setting([line for line in result.stdout.splitlines() if line[0] == "x"])


@pytest.mark.parametrize("words", ["run 2025-12-05", "status", "migrate"])
def test_other_commands_end_with_2_and_say_how_to_start_a_stack(tmp_path: Path, words: str) -> None:
    result = minuano(*words.split(), cwd=tmp_path)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "minuano up" in result.stderr
