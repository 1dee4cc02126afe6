"""Dead letters as an operator handles them: added with redis-cli, listed, replayed and dropped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.domain.job_request import JobRequest
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import ONE_DAY
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from tests.actors import TESTER
from tests.e2e.cli_process import Ended, minuano, redis_cli
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, START, steady_samples
from tests.e2e.sql import Row
from tests.polling import wait_until

TERMINAL_CONTROL = "\x1b[2J\x1b]0;owned\x07"
NOWHERE = "postgresql://minuano_writer:hush@127.0.0.1:1/target"

Minuano = Callable[..., Ended]


@pytest.fixture
def terminal(tmp_path: Path, pipeline: Pipeline) -> Minuano:
    """The command line for a pipeline with a day in its source and no dead letters."""
    pipeline.redis.delete(pipeline.streams.dead)
    pipeline.fill_source(steady_samples(START, DAY_MINUTES))

    def run(*words: str, answer: str = "", **settings: str) -> Ended:
        environment = {**pipeline.addresses.environment(), **settings}
        return minuano(*words, cwd=tmp_path, settings=environment, columns=200, answer=answer)

    return run


def add(pipeline: Pipeline, stream: str, *fields: str, last: bytes | None = None) -> bytes:
    """`redis-cli XADD minuano:<stream> '*' …`; return the entry's id."""
    url, key = pipeline.addresses.redis_url, f"minuano:{stream}"
    return redis_cli(url, "XADD", key, "*", *fields, last=last).encode()


def letter_of(pipeline: Pipeline, entry: bytes) -> str:
    """Wait for the dead letter of an entry; return its id."""
    pipeline.dead_letter_of(entry)
    letters: Any = pipeline.redis.xrange(pipeline.streams.dead)
    return next(str(id.decode()) for id, fields in letters if fields[b"dead_id"] == entry)


def fields_of(result: Ended) -> dict[str, str]:
    """The output of `dead-letters show` by field."""
    rows = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    return {row[0]: row[1].strip() for row in rows if len(row) == 2}


def ids_of_letters(pipeline: Pipeline) -> list[str]:
    """The ids of all dead letters, the oldest first."""
    letters: Any = pipeline.redis.xrange(pipeline.streams.dead)
    return [id.decode() for id, _ in letters]


def audit_entries(pipeline: Pipeline, letter: str) -> list[Row]:
    """The audit entries of a dead letter."""
    query = (
        "SELECT action, stage, reason, job_id FROM etl.audit WHERE dead_letter_id = %s ORDER BY id"
    )
    return pipeline.in_target(query, [letter])


@pytest.mark.parametrize(
    ("stream", "stage", "paused_service", "fields", "reason"),
    [
        ("jobs", "extractor", "aggregator", ["chunk", "second"], "schema"),
        ("raw", "aggregator", "loader", ["v", "0", "asset", "T01"], "version"),
        ("stats", "loader", "aggregator", ["v", "1", "asset", "T01"], "checksum"),
    ],
)
def test_an_invalid_entry_on_any_stream_is_listed_and_shown_and_fails_its_job(
    terminal: Minuano, pipeline: Pipeline,
    stream: str, stage: str, paused_service: str, fields: list[str], reason: str,
) -> None:  # fmt: skip
    with pipeline.paused(paused_service):
        job = pipeline.post_job(date=FIRST_DAY)
        wait_until(lambda: pipeline.job(job)["slices"]["published"], what="publishing")
        id = letter_of(pipeline, add(pipeline, stream, "job", str(job), *fields))
        wait_until(lambda: pipeline.job(job)["state"] == "failed", what="the job's failure")
        [_, line] = terminal("dead-letters", "list").stdout.splitlines()
        shown = fields_of(terminal("dead-letters", "show", id))
        jobs = terminal("jobs", "--limit", "1").stdout
        current = pipeline.job(job)  # later the sweeper may publish its slices again
    assert line.split()[:1] + line.split()[3:7] == [id, stage, str(job), reason, "1"]
    expected = {"reason": reason, "stage": stage, "stream": f"minuano:{stream}", "job": str(job)}
    assert expected | dict(zip(fields[::2], fields[1::2], strict=True)) == {
        name: shown[name] for name in [*expected, *fields[::2]]
    }
    assert f"{reason}: {stage}: " in jobs
    assert (current["reason"], f"(dead letter {id})" in current["error"]) == (reason, True)


def test_invalid_entries_do_not_stop_valid_ones(terminal: Minuano, pipeline: Pipeline) -> None:
    invalid = [
        add(pipeline, "jobs", "date", "2025-02-30"),
        add(pipeline, "raw", "v", "1", "job", "seven", "payload", last=b"\x00\xff torn"),
        add(pipeline, "stats", "payload", last=bytes(2**20)),
    ]
    pipeline.run(date=FIRST_DAY)
    assert_target_matches_source(pipeline, Scope(start=START, end=START + ONE_DAY))
    for entry in invalid:
        letter_of(pipeline, entry)


def test_replay_finishes_the_job_after_the_cause_is_fixed(
    terminal: Minuano, pipeline: Pipeline
) -> None:
    pipeline.run(date=FIRST_DAY)
    pipeline.in_target("UPDATE signal SET ddof = 0 WHERE statistic = 'std'")
    job = pipeline.wait_until_ended(pipeline.post_job(date=FIRST_DAY))
    assert (job["state"], job["reason"]) == ("failed", "contract")
    [line] = terminal("dead-letters", "list").stdout.splitlines()[1:]
    id = line.split()[0]
    pipeline.in_target("UPDATE signal SET ddof = 1 WHERE statistic = 'std'")
    assert terminal("dead-letters", "replay", id).returncode == 0
    pipeline.wait_until_done(job["id"])
    assert_target_matches_source(pipeline, Scope(start=START, end=START + ONE_DAY))
    assert terminal("dead-letters", "list").stdout == "no dead letters\n"
    assert audit_entries(pipeline, id) == [("replay", "loader", "contract", job["id"])]


def test_replay_finishes_a_job_that_was_restored_in_the_ledger(
    terminal: Minuano, pipeline: Pipeline
) -> None:
    [[newest]] = pipeline.in_target("SELECT coalesce(max(id), 0) FROM etl.job")
    entry = add(pipeline, "jobs", "job", str(newest + 1))
    assert pipeline.dead_letter_of(entry)[b"dead_reason"] == b"unknown_job"
    id = letter_of(pipeline, entry)
    engine = engines.connect(pipeline.addresses.target_url, application="test")
    request = JobRequest.model_validate({"date": FIRST_DAY, "variables": ["power"]})
    restored, _ = Ledger(engine).add(
        request, spec=StatisticsSpec(), timezone="UTC", trace="", by=TESTER
    )
    engine.dispose()
    assert restored.id == newest + 1
    assert f"{id} replayed to minuano:jobs" in terminal("dead-letters", "replay", "all").stdout
    pipeline.wait_until_done(restored.id)


def test_a_drop_is_recorded_with_the_header_and_without_the_payload(
    terminal: Minuano, pipeline: Pipeline
) -> None:
    entry = add(pipeline, "raw", "v", "0", "job", "999999", "payload", last=b"samples")
    id = letter_of(pipeline, entry)
    assert terminal("dead-letters", "drop", id, answer="y\n").returncode == 0
    [[stream, entry_id, deliveries, fields, actor, role]] = pipeline.in_target(
        "SELECT stream, entry_id, deliveries, fields, actor, role FROM etl.audit "
        "WHERE dead_letter_id = %s",
        [id],
    )
    assert (stream, entry_id, deliveries) == ("minuano:raw", entry.decode(), 1)
    assert fields == {"v": "0", "job": "999999", "payload": "7 bytes"}
    assert (actor.count("@"), role) == (1, "minuano_writer")
    [line] = terminal("audit", "--job", "999999").stdout.splitlines()[1:]
    assert line.split()[2:9] == ["drop", "999999", actor, "cli", id, "aggregator:", "version:"]


def test_dropping_all_letters_records_each_of_them(terminal: Minuano, pipeline: Pipeline) -> None:
    for n in range(45):  # more than two pages
        pipeline.redis.xadd(pipeline.streams.dead, {"dead_reason": "test", "job": n})
    ids = ids_of_letters(pipeline)
    assert terminal("dead-letters", "drop", "all", "--yes").returncode == 0
    dropped = (
        "SELECT dead_letter_id FROM etl.audit "
        "WHERE action = 'drop' AND dead_letter_id = ANY(%s) ORDER BY id"
    )
    assert pipeline.in_target(dropped, [ids]) == [(id,) for id in ids]
    assert not pipeline.redis.xlen(pipeline.streams.dead)


@pytest.mark.parametrize("action", [["replay"], ["drop", "--yes"]], ids=["replay", "drop"])
def test_a_letter_is_not_removed_if_it_cannot_be_recorded(
    terminal: Minuano, pipeline: Pipeline, action: list[str]
) -> None:
    id = letter_of(pipeline, add(pipeline, "raw", "v", "0"))
    result = terminal("dead-letters", *action, id, MINUANO_TARGET_URL=NOWHERE)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "hush" not in result.stderr
    assert terminal("dead-letters", "show", id).returncode == 0


def test_a_refused_action_is_not_recorded(terminal: Minuano, pipeline: Pipeline) -> None:
    id: Any = pipeline.redis.xadd(pipeline.streams.dead, {"dead_stream": "elsewhere", "x": "y"})
    assert terminal("dead-letters", "replay", id.decode()).returncode == 1
    assert audit_entries(pipeline, id.decode()) == []


def test_a_letter_cannot_control_the_terminal_or_hide_a_failure(
    terminal: Minuano, pipeline: Pipeline
) -> None:
    with pipeline.paused("loader"):
        job = pipeline.post_job(date=FIRST_DAY)
        pipeline.redis.xadd(pipeline.streams.dead, {
            "job": job, "dead_reason": "test", "dead_error": f"{TERMINAL_CONTROL}\0",
            "dead_deliveries": "9" * 5_000, TERMINAL_CONTROL: TERMINAL_CONTROL,
        })  # fmt: skip
        wait_until(lambda: pipeline.job(job)["state"] == "failed", what="the job's failure")
        pipeline.redis.xadd(pipeline.streams.dead, {"job": "9" * 5_000})
        [id, _] = ids_of_letters(pipeline)
        commands = (["list"], ["show", id], ["drop", "all", "--yes"])
        for words in (*(["dead-letters", *words] for words in commands), ["audit"]):
            result = terminal(*words)
            assert (result.returncode, "\x1b" in result.stdout) == (0, False), result.stderr
