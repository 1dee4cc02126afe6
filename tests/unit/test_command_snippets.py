"""A job as a line to copy: a shell reads from it what was asked for, and runs nothing else."""

import json
import shlex
from typing import Any

import pytest

from services.dashboard.jobs.command_snippets import Snippets, snippets
from shared.domain.job_request import JobRequest

HOSTILE = "T'01$(touch /tmp/x)`id`;\"&|"


def lines(needs_key: bool = False, **asked: Any) -> Snippets:
    request = JobRequest.model_validate(asked)
    return snippets(
        request, base_url="http://here:8080/", stream="minuano:jobs", needs_key=needs_key
    )


def body(line: str) -> Any:
    words = shlex.split(line)
    return json.loads(words[words.index("-d") + 1])


def test_a_day_is_told_in_three_ways() -> None:
    found = lines(date="2025-12-05")
    assert found.minuano == "minuano run 2025-12-05"
    assert found.redis_cli == "redis-cli XADD minuano:jobs '*' date 2025-12-05"
    assert found.curl == (
        "curl -X POST http://here:8080/api/jobs -H 'Content-Type: application/json' "
        """-d '{"date": "2025-12-05"}'"""
    )


def test_a_range_names_both_days() -> None:
    found = lines(start="2025-12-01", end="2025-12-10", variables=["power"], assets=["T01"])
    assert found.minuano == (
        "minuano backfill 2025-12-01 2025-12-10 --variables=power --assets=T01"
    )
    assert found.redis_cli == (
        "redis-cli XADD minuano:jobs '*' start 2025-12-01 end 2025-12-10 variables power assets T01"
    )
    assert body(found.curl) == {
        "start": "2025-12-01", "end": "2025-12-10", "variables": ["power"], "assets": ["T01"],
    }  # fmt: skip


def test_a_hostile_name_is_one_word_of_each_line() -> None:
    found = lines(date="2025-12-05", assets=[HOSTILE])
    assert body(found.curl)["assets"] == [HOSTILE]
    assert shlex.split(found.minuano or "")[-1] == f"--assets={HOSTILE}"
    assert shlex.split(found.redis_cli or "")[-1] == HOSTILE


@pytest.mark.parametrize("name", ["T01, north", " T01"])
def test_what_lists_by_commas_cannot_hold_is_left_to_json(name: str) -> None:
    found = lines(date="2025-12-05", assets=[name])
    assert (found.minuano, found.redis_cli) == (None, None)
    assert body(found.curl)["assets"] == [name]


def test_a_key_is_named_and_not_shown() -> None:
    assert '-H "Authorization: Bearer $MINUANO_API_KEY"' in lines(True, date="2025-12-05").curl
