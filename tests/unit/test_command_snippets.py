"""A job as commands to copy: a shell reads the request from them, and runs nothing else."""

import json
import shlex
from typing import Any

import pytest

from services.dashboard.jobs.command_snippets import Snippets, snippets
from shared.domain.job_request import JobRequest

HOSTILE = "T'01$(touch /tmp/x)`id`;\"&|"


def commands(needs_key: bool = False, **fields: Any) -> Snippets:
    request = JobRequest.model_validate(fields)
    return snippets(
        request, base_url="http://site:8080/", stream="minuano:jobs", needs_key=needs_key
    )


def body(command: str | None) -> Any:
    words = shlex.split(command or "")
    return json.loads(words[words.index("-d") + 1])


def test_one_day_as_three_commands() -> None:
    commands_ = commands(date="2025-12-05")
    assert commands_["minuano"] == "minuano run 2025-12-05"
    assert commands_["redis_cli"] == "redis-cli XADD minuano:jobs '*' date 2025-12-05"
    assert commands_["curl"] == (
        "curl -X POST http://site:8080/api/jobs -H 'Content-Type: application/json' "
        """-d '{"date": "2025-12-05"}'"""
    )


def test_a_range_names_both_days() -> None:
    commands_ = commands(start="2025-12-01", end="2025-12-10", variables=["power"], assets=["T01"])
    assert commands_["minuano"] == (
        "minuano backfill 2025-12-01 2025-12-10 --variables=power --assets=T01"
    )
    assert commands_["redis_cli"] == (
        "redis-cli XADD minuano:jobs '*' start 2025-12-01 end 2025-12-10 variables power assets T01"
    )
    assert body(commands_["curl"]) == {
        "start": "2025-12-01", "end": "2025-12-10", "variables": ["power"], "assets": ["T01"],
    }  # fmt: skip


def test_a_job_for_changed_slices_only_says_so_in_each_command() -> None:
    commands_ = commands(date="2025-12-05", only="changed")
    assert commands_["minuano"] == "minuano run 2025-12-05 --only-changed"
    assert commands_["redis_cli"] == (
        "redis-cli XADD minuano:jobs '*' date 2025-12-05 only changed"
    )
    assert body(commands_["curl"]) == {"date": "2025-12-05", "only": "changed"}


def test_a_hostile_name_is_one_word_of_each_command() -> None:
    commands_ = commands(date="2025-12-05", assets=[HOSTILE])
    assert body(commands_["curl"])["assets"] == [HOSTILE]
    assert shlex.split(commands_["minuano"] or "")[-1] == f"--assets={HOSTILE}"
    assert shlex.split(commands_["redis_cli"] or "")[-1] == HOSTILE


@pytest.mark.parametrize("name", ["T01, north", " T01"])
def test_a_name_that_a_comma_list_cannot_hold_is_only_in_the_json(name: str) -> None:
    commands_ = commands(date="2025-12-05", assets=[name])
    assert (commands_["minuano"], commands_["redis_cli"]) == (None, None)
    assert body(commands_["curl"])["assets"] == [name]


def test_the_key_is_a_variable_in_the_command() -> None:
    assert '-H "Authorization: Bearer $MINUANO_API_KEY"' in str(
        commands(True, date="2025-12-05")["curl"]
    )
