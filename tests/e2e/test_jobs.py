"""Jobs by HTTP and by XADD: their states, and jobs that fail, are cancelled or are retried."""

import uuid
from typing import Any, cast

import pytest

from shared.domain.batches import RawBatch
from shared.domain.time_range import ONE_DAY
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, SECOND_DAY, START, steady_samples
from tests.polling import wait_until

FIRST_DAY_SCOPE = Scope(start=START, end=START + ONE_DAY)
BOTH_DAYS_SCOPE = Scope(start=START, end=START + 2 * ONE_DAY)


@pytest.fixture
def filled(pipeline: Pipeline) -> Pipeline:
    """Two days in the source, nothing in the target."""
    pipeline.fill_source(steady_samples(START, 2 * DAY_MINUTES))
    return pipeline


def add_to_stream(pipeline: Pipeline, **fields: Any) -> bytes:
    """Like `redis-cli XADD minuano:jobs '*' …`; return the id of the entry."""
    entry: dict[Any, Any] = fields
    id: Any = pipeline.redis.xadd(pipeline.streams.jobs, entry)
    return bytes(id)


def job_of(pipeline: Pipeline, entry: bytes) -> int:
    """Wait for the job that was created from a stream entry; return its id."""
    key = f"stream:{entry.decode()}"
    [[id]] = wait_until(
        lambda: pipeline.in_target("SELECT id FROM etl.job WHERE idempotency_key = %s", [key]),
        what=f"a job for entry {entry!r}",
    )
    return int(id)


def has_unread_dead_letters(pipeline: Pipeline) -> bool:
    """Whether dead letters are undelivered or pending."""
    stream: Any = pipeline.redis.xinfo_stream(pipeline.streams.dead)
    [group] = cast(Any, pipeline.redis.xinfo_groups(pipeline.streams.dead))
    return bool(group["pending"] or group["last-delivered-id"] != stream["last-generated-id"])


@pytest.mark.parametrize(
    ("fields", "scope"),
    [
        ({"date": FIRST_DAY}, FIRST_DAY_SCOPE),
        ({"start": FIRST_DAY, "end": SECOND_DAY}, BOTH_DAYS_SCOPE),
        ({"date": FIRST_DAY, "variables": "power, wind_speed"}, FIRST_DAY_SCOPE),
    ],
    ids=["date", "range", "variables"],
)
def test_a_job_can_be_added_to_the_stream(
    filled: Pipeline, fields: dict[str, str], scope: Scope
) -> None:
    job = filled.wait_until_done(job_of(filled, add_to_stream(filled, **fields)))
    assert (job["rows"], job["coverage"]) == (1_440 * (scope.end - scope.start).days, 1.0)
    assert_target_matches_source(filled, scope)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"date": "2025-02-30"}, "not in the calendar"),
        ({"date": "05.12.2025"}, "YYYY-MM-DD"),
        ({"day": FIRST_DAY}, "day"),
        ({"start": FIRST_DAY}, "both `start` and `end`"),
        ({"start": SECOND_DAY, "end": FIRST_DAY}, "before"),
        ({"date": FIRST_DAY, "assets": "T01"}, "no asset column"),
        ({"job": "everything"}, "whole numbers"),
        ({"job": "9" * 5_000}, "whole numbers"),
        ({"job": "123456789"}, "no job 123456789"),
        ({"job": "1", "date": FIRST_DAY}, "unknown field b'date'"),
        ({"assets": "T01"}, "both `start` and `end`"),
        ({"date": FIRST_DAY, "variables": "x," * 2**20}, "are allowed"),
        ({f"field {n}": n for n in range(20)}, "are allowed"),
        ({b"\xff": b"\xfe"}, "UTF-8"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(map(str, value))[:20],
)
def test_an_invalid_entry_becomes_a_dead_letter_and_does_not_affect_others(
    filled: Pipeline, fields: dict[Any, Any], message: str
) -> None:
    entry: Any = filled.redis.xadd(filled.streams.jobs, fields)
    job = filled.run(date=FIRST_DAY)
    letter = filled.dead_letter_of(entry)
    assert letter[b"dead_stage"] == b"extractor"
    assert message in letter[b"dead_error"].decode()
    assert job["state"] == "done"
    assert_target_matches_source(filled, FIRST_DAY_SCOPE)


def test_an_entry_becomes_only_one_dead_letter(filled: Pipeline) -> None:
    """The extractor reads the dead-letter stream and must not create dead letters from it."""
    entry: Any = filled.redis.xadd(filled.streams.jobs, {"job": "9" * 5_000})
    filled.dead_letter_of(entry)
    wait_until(lambda: not has_unread_dead_letters(filled), what="an empty backlog of dead letters")
    letters: Any = filled.redis.xrange(filled.streams.dead)
    assert [f for _, f in letters if f[b"dead_stream"] == filled.streams.dead.encode()] == []


def test_a_corrupted_batch_fails_only_its_own_job(filled: Pipeline) -> None:
    raw = filled.streams.raw
    with filled.paused("aggregator"):
        id = filled.post_job(start=FIRST_DAY, end=SECOND_DAY)
        [entry] = filled.wait_for_slices(raw, 2)
        filled.remove(raw, [entry])
        first, second = RawBatch.halves(entry[1])
        filled.add(raw, [(b"", {**first, "payload": first["payload"][:-1]}), (b"", second)])
    wait_until(lambda: filled.job(id)["state"] == "failed", what="the job's failure")
    filled.wait_until_idle()
    job = filled.job(id)
    assert (job["reason"], job["slices"]["done"]) == ("checksum", 1)
    assert "the entry is not what was published" in job["error"]


def test_a_retry_extracts_only_the_missing_slices_and_finishes_the_job(
    filled: Pipeline,
) -> None:
    test_a_corrupted_batch_fails_only_its_own_job(filled)
    id = filled.http.get("/jobs", params={"limit": 1}).json()["jobs"][0]["id"]
    with filled.paused("aggregator"):
        assert filled.http.post(f"/jobs/{id}/retry").status_code == 202
        filled.wait_for_slices(filled.streams.raw, 1)
        wait_until(lambda: not filled.redis.xlen(filled.streams.jobs), what="the extraction")
        [entry] = filled.wait_for_slices(filled.streams.raw, 1)
        assert [slice_.start for slice_ in RawBatch.decode(entry[1]).slices] == [START]
    job = filled.wait_until_done(id)
    assert (job["reason"], job["error"]) == (None, None)
    assert_target_matches_source(filled, BOTH_DAYS_SCOPE)


def test_a_cancelled_job_loads_nothing_more_and_can_be_retried(filled: Pipeline) -> None:
    with filled.paused("loader"):
        id = filled.post_job(date=FIRST_DAY)
        filled.wait_for_backlog(filled.streams.stats, 1)
        assert filled.http.post(f"/jobs/{id}/cancel").json()["state"] == "cancelled"
    filled.wait_until_idle()
    assert filled.job(id)["state"] == "cancelled"
    assert filled.in_target("SELECT count(*) FROM data") == [(0,)]
    assert filled.http.post(f"/jobs/{id}/retry").status_code == 202
    filled.wait_until_done(id)
    assert_target_matches_source(filled, FIRST_DAY_SCOPE)


def test_a_finished_job_cannot_be_cancelled_or_retried(filled: Pipeline) -> None:
    id = filled.run(date=FIRST_DAY)["id"]
    for action in ("cancel", "retry"):
        response = filled.http.post(f"/jobs/{id}/{action}")
        assert (response.status_code, response.json()["status"]) == (409, 409)
    assert filled.job(id)["state"] == "done"


def test_the_same_key_and_body_is_the_same_job(filled: Pipeline) -> None:
    key = uuid.uuid4().hex
    first, repeated = (filled.post(date=FIRST_DAY, key=key) for _ in range(2))
    assert (first.status_code, repeated.status_code) == (202, 200)
    assert first.headers["location"] == repeated.headers["location"]
    assert filled.post(date=SECOND_DAY, key=key).status_code == 409
    filled.wait_until_done(first.json()["id"])
    assert_target_matches_source(filled, FIRST_DAY_SCOPE)


def test_a_job_that_the_streams_lost_is_published_again_from_the_ledger(filled: Pipeline) -> None:
    raw = filled.streams.raw
    with filled.paused("aggregator"):
        id = filled.post_job(start=FIRST_DAY, end=SECOND_DAY)
        entries = filled.wait_for_slices(raw, 2)
        wait_until(lambda: filled.job(id)["slices"]["published"] == 2, what="publishing")
        filled.remove(raw, entries)
    filled.wait_until_done(id)
    assert_target_matches_source(filled, BOTH_DAYS_SCOPE)


def test_the_trace_of_a_request_reaches_the_job(filled: Pipeline) -> None:
    response = filled.http.post(
        "/jobs", json={"date": FIRST_DAY}, headers={"X-Request-ID": "request-id-of-the-test"}
    )
    assert response.headers["x-request-id"] == "request-id-of-the-test"
    assert filled.wait_until_done(response.json()["id"])["trace"] == "request-id-of-the-test"


@pytest.mark.parametrize("chunk", ["-1", "x", "1e3"])
def test_an_invalid_chunk_number_becomes_a_dead_letter(pipeline: Pipeline, chunk: str) -> None:
    pipeline.fill_source(steady_samples(START, DAY_MINUTES))
    job = pipeline.run(date=FIRST_DAY)
    entry: Any = pipeline.redis.xadd(pipeline.streams.jobs, {"job": job["id"], "chunk": chunk})
    assert pipeline.dead_letter_of(entry)[b"dead_reason"] == b"schema"
    assert pipeline.job(job["id"])["state"] == "done"
