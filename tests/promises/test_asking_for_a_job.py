"""README.md, "Asking for a job". Each example checks the words that it quotes."""

import uuid

import httpx

from tests.e2e.pipeline import Pipeline
from tests.polling import wait_until
from tests.promises.interfaces import CommandLine, RedisCli, Sql

DAY = {"date": "2025-12-05"}


def test_http_redis_cli_and_the_command_line_ask_for_the_same_job(
    extractor: httpx.Client, redis_cli: RedisCli, minuano: CommandLine
) -> None:
    """> All of these do the same"""
    extractor.post("/jobs", json={"date": "2025-12-05"})
    redis_cli("XADD minuano:jobs '*' date 2025-12-05")
    minuano("run 2025-12-05")
    wait_until(lambda: len(extractor.get("/jobs?state=done").json()["jobs"]) == 3)
    first, *others = extractor.get("/jobs").json()["jobs"]
    for name in ("start", "end", "variables", "assets", "rows"):
        assert [job[name] for job in others] == [first[name]] * 2


def test_a_post_with_the_same_idempotency_key_returns_the_first_job(
    extractor: httpx.Client,
) -> None:
    """> An `Idempotency-Key` header makes a repeated POST harmless."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = (extractor.post("/jobs", json=DAY, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert len(extractor.get("/jobs").json()["jobs"]) == 1


def test_a_wrong_request_is_answered_with_what_is_allowed(extractor: httpx.Client) -> None:
    """> A wrong request is refused, and the answer says what is allowed."""
    answer = extractor.post("/jobs", json={**DAY, "variables": ["rain"]})
    assert answer.status_code == 422
    assert "wind_speed, power, ambient_temperature" in answer.text


def test_reconcile_names_the_day_whose_samples_changed(
    stack: Pipeline, minuano: CommandLine, source_sql: Sql
) -> None:
    """> names the days that were computed from other samples than the source has now"""
    stack.run(start="2025-12-01", end="2025-12-10")
    source_sql("UPDATE data SET power = power + 1 WHERE timestamp = '2025-12-06 12:00Z'")
    ended = minuano("reconcile --days 10")
    assert "2025-12-06" in ended.stdout
    assert "1 day differs" in ended.stdout
