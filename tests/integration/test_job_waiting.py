"""The API, the commands, the metrics and the pages say why an open job makes no progress."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from redis import Redis
from sqlalchemy import Engine, create_engine, text

from cli.embedded.redis_server import RedisServer
from services.extractor.job_age import watch_oldest_job
from services.extractor.job_events import MAX_DURATION_S
from shared.ledger.idle_jobs import IDLE_AFTER_S, idle_jobs
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import redis_client, waits
from shared.streams.entries import StreamNames
from shared.streams.job_waits import IDLE_AFTER_S as MOVES_S
from shared.streams.job_waits import take_snapshot
from shared.streams.waits import WaitRecord
from tests.actors import TESTER
from tests.integration.commands import minuano
from tests.integration.jobs import Api, serving
from tests.integration.ledger_jobs import add, done, started
from tests.integration.services import Services
from tests.integration.services import job as job_json
from tests.integration.services import serving as serving_services
from tests.unit.test_job_waits import streams


@pytest.fixture
def api(target: Engine, redis_settings: RedisSettings) -> Iterator[Api]:
    with serving(target, redis_settings, "http://127.0.0.1:9") as api:
        yield api


@pytest.fixture
def ledger(target: Engine) -> Ledger:
    return Ledger(target)


def rest(target: Engine, seconds: float) -> None:
    """Let all jobs have made no progress for so many seconds."""
    with target.begin() as connection:
        for column in ("created_at", "started_at", "progressed_at"):
            connection.execute(
                text(f"UPDATE etl.job SET {column} = now() - :ago WHERE {column} IS NOT NULL"),
                {"ago": timedelta(seconds=seconds)},
            )


def test_a_job_that_does_not_move_says_what_it_waits_for(
    api: Api, ledger: Ledger, target: Engine
) -> None:
    job = add(ledger).id
    assert api.client.get(f"/jobs/{job}").json()["waiting"] is None
    rest(target, MOVES_S + 1)
    response = api.client.get(f"/jobs/{job}").json()
    assert response["waiting"] == {
        "for": f"no extractor reads {api.jobs_stream}: start one",
        "since": response["created_at"], "error": None, "tries": 0,
    }  # fmt: skip
    assert api.client.get("/jobs").json()["jobs"][0]["waiting"] == response["waiting"]


def test_a_job_that_stands_still_says_so_also_when_the_clock_went_back(
    api: Api, ledger: Ledger, target: Engine
) -> None:
    job = add(ledger).id
    rest(target, -7200)
    assert api.client.get(f"/jobs/{job}").json()["waiting"]


def test_a_job_that_has_ended_waits_for_nothing(api: Api, ledger: Ledger, target: Engine) -> None:
    job = done(ledger).id
    rest(target, MOVES_S + 1)
    assert api.client.get(f"/jobs/{job}").json()["waiting"] is None


def test_the_events_of_a_job_say_what_it_waits_for(
    api: Api, ledger: Ledger, target: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.extractor.job_events.MAX_DURATION_S", MAX_DURATION_S / 1e5)
    job = add(ledger).id
    rest(target, MOVES_S + 1)
    answer = api.client.get(f"/jobs/{job}/events").text
    [data] = [line for line in answer.splitlines() if line.startswith("data:")]
    assert json.loads(data.removeprefix("data:"))["waiting"]["for"].startswith("no extractor")


def test_a_job_whose_turn_has_not_come_is_no_problem_while_others_move(
    ledger: Ledger, target: Engine
) -> None:
    snapshot = streams(backlog=(3, 0, 0))
    other = started(ledger).id
    ledger.cancel(other, by=TESTER)
    add(ledger)
    rest(target, IDLE_AFTER_S + 1)
    found = idle_jobs(target, snapshot, limit=9)
    assert (len(found.stalled), found.stalled_all, found.queued, found.open) == (1, 1, 0, 1)
    with target.begin() as connection:
        connection.execute(
            text("UPDATE etl.job SET progressed_at = now(), done_at = now() WHERE id = :id"),
            {"id": other},
        )
    found = idle_jobs(target, snapshot, limit=9)
    assert (found.stalled, found.stalled_all, found.queued) == ((), 0, 1)
    lost = idle_jobs(target, streams(), limit=9)
    assert (lost.stalled_all, lost.queued) == (1, 0)


def test_the_age_of_the_oldest_open_job_is_a_metric(ledger: Ledger, target: Engine) -> None:
    def ages() -> list[float]:
        return [
            REGISTRY.get_sample_value("minuano_oldest_open_job_seconds", {"state": state}) or 0.0
            for state in ("queued", "running")
        ]

    watch_oldest_job(target)
    assert ages() == [0.0, 0.0]
    done(ledger)
    started(ledger)
    rest(target, 100)
    add(ledger)
    queued, running = ages()
    assert 0 <= queued < 100 <= running
    rest(target, -100)
    assert ages() == [0.0, 0.0]


def test_the_age_is_unknown_without_the_target() -> None:
    watch_oldest_job(create_engine("postgresql+psycopg2://127.0.0.1:9/x"))
    age = REGISTRY.get_sample_value("minuano_oldest_open_job_seconds", {"state": "queued"})
    assert str(age) == "nan"


@pytest.fixture
def addresses(target_url: str, redis_settings: RedisSettings) -> dict[str, Any]:
    return {
        "MINUANO_REDIS_URL": redis_settings.redis_url.get_secret_value(),
        "MINUANO_STREAM_PREFIX": redis_settings.stream_prefix,
        "MINUANO_TARGET_URL": target_url,
    }


def test_doctor_and_status_name_each_job_without_progress(
    addresses: dict[str, Any], ledger: Ledger, target: Engine
) -> None:
    jobs = [add(ledger).id for _ in range(12)]
    rest(target, IDLE_AFTER_S + 5)
    for command, mark in (("doctor", "✗ jobs       "), ("status", "")):
        lines = minuano(command, **addresses).output.splitlines()
        named = [line for line in lines if line.startswith(f"{mark}job ")]
        assert len(named) == 10
        assert f"job {jobs[0]} (queued) has made no progress for 6" in named[0]
        assert "no extractor reads" in named[0]
        assert f"{mark}and 2 more have made no progress for 60 s" in lines


def test_doctor_reports_entries_that_no_worker_reads(
    addresses: dict[str, Any], api: Api, ledger: Ledger
) -> None:
    api.add_entry({"job": str(add(ledger).id)})
    output = minuano("doctor", **addresses).output
    assert f"✗ redis      no worker reads {api.jobs_stream} and 1 entries wait" in output
    assert "✓ jobs       open jobs: 1, none without progress for 60 s" in output


def test_doctor_reports_a_stage_that_waits_for_a_server(
    addresses: dict[str, Any], redis_settings: RedisSettings
) -> None:
    names = StreamNames(redis_settings.stream_prefix)
    with redis_client.connect(redis_settings) as client:
        now = waits.now_ms(client)
        waits.write(client, names, WaitRecord(
            consumer="host-1-ab", stage="loader", jobs=(), waits_for="the target",
            error="PostgreSQL: refused", tries=2, since_ms=now - 3_000, last_ms=now,
        ))  # fmt: skip
    output = minuano("doctor", **addresses).output
    assert "✗ jobs       the loader waits for the target, since" in output
    assert "tried 2 times: PostgreSQL: refused" in output


WAITING = {
    "for": "the loader waits for the target", "since": "2025-12-05T01:02:03Z",
    "error": "PostgreSQL: refused", "tries": 9,
}  # fmt: skip
SENTENCE = (
    "the loader waits for the target, since 2025-12-05 01:02:03 UTC, tried 9 times: "
    "PostgreSQL: refused"
)


@pytest.fixture
def services() -> Iterator[Services]:
    with serving_services() as services:
        yield services


def test_jobs_lists_what_a_job_waits_for(services: Services) -> None:
    services.responses = {"GET /jobs": [{"jobs": [job_json(7, "running", waiting=WAITING)]}]}
    assert f"job 7: {SENTENCE}" in minuano("jobs", services=services).output.splitlines()


def test_run_prints_each_wait_once(services: Services) -> None:
    later: dict[str, Any] = {**WAITING, "tries": 10}
    services.responses = {
        "POST /jobs": [job_json(7, "queued")],
        "GET /jobs/7": [
            job_json(7, "running", waiting=WAITING), job_json(7, "running", waiting=later),
            job_json(7, "done"),
        ],
    }  # fmt: skip
    output = minuano("run", "2025-12-05", services=services).output
    assert output.count("the loader waits for the target") == 1
    assert SENTENCE in output


def test_a_redis_that_hides_its_memory_is_no_reason_to_wait(
    redis_server: RedisServer, redis_settings: RedisSettings
) -> None:
    with closing(Redis.from_url(redis_server.url)) as owner:
        owner.acl_setuser(
            "guest", enabled=True, passwords=["+guest"], keys=["*"], commands=["+@all", "-info"]
        )
        guest = Redis(
            host=redis_server.host, port=redis_server.port, username="guest", password="guest"
        )
        with closing(guest):
            snapshot = take_snapshot(guest, StreamNames(redis_settings.stream_prefix))
        owner.acl_deluser("guest")
    assert (snapshot.error, len(snapshot.stages)) == (None, 3)
