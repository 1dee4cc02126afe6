"""The state of the pipeline over HTTP, also while parts of it are unreachable."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from services.dashboard.monitoring.pipeline_sampler import PipelineSampler, Stage
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import worker_registry
from shared.streams.dead_letters import DEAD_PREFIX
from tests.dashboard.dashboard_client import dashboard, dependencies, get, load
from tests.integration.loader import batch, new_job, steady
from tests.integration.stub_connector import json_response, stub_connector

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def streams(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_settings.redis_url.get_secret_value()) as client:
        yield client


def test_backlog_pending_entries_and_processes_are_counted(
    client: TestClient, streams: redis.Redis
) -> None:
    raw = dependencies(client).streams.raw
    for _ in range(3):
        streams.xadd(raw, {"job": 1})
    streams.xgroup_create(raw, "aggregator", "0-0")
    streams.xreadgroup("aggregator", "host-1-aa", {raw: ">"}, count=1)
    for consumer in ("host-1-bb", "host-2-cc"):
        worker_registry.heartbeat(streams, raw, consumer)
    streams.xadd(dependencies(client).streams.dead, {f"{DEAD_PREFIX}reason": "schema"})
    answer = get(client, "/api/pipeline").json()
    assert [stage["stage"] for stage in answer["stages"]] == ["extractor", "aggregator", "loader"]
    stage = answer["stages"][1]
    assert (stage["entries"], stage["backlog"], stage["pending"]) == (3, 2, 1)
    assert (stage["workers"], answer["dead"]) == (2, 1)
    assert stage["oldest_s"] >= 0


@pytest.mark.parametrize("samples", [60, 0])
def test_slices_loaded_in_the_last_ten_seconds_make_the_rate(
    client: TestClient, target: Engine, samples: int
) -> None:
    load(target, batch(new_job(target), steady(7.0, samples)))
    stages = get(client, "/api/pipeline").json()["stages"]
    assert [stage["rows_per_s"] for stage in stages] == [samples / 10] * 3
    assert stages[2]["slices_per_s"] == 0.1


@pytest.mark.parametrize("ago", [timedelta(seconds=11), -AN_HOUR])
def test_slices_loaded_earlier_do_not_count_in_the_rate(
    client: TestClient, target: Engine, ago: timedelta
) -> None:
    load(target, batch(new_job(target), steady(7.0)))
    loaded_ago(target, ago)
    assert get(client, "/api/pipeline").json()["stages"][2]["slices_per_s"] == 0


def loaded_ago(target: Engine, ago: timedelta) -> None:
    """Set the time at which the slices were loaded, by the clock of the database."""
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.slice SET loaded_at = now() - :ago"), {"ago": ago})


def test_slices_of_a_failed_job_still_count_in_the_rate(client: TestClient, target: Engine) -> None:
    job = new_job(target, slices=2)
    Ledger(target).fail_for_dead_letter(job, letter="1-0", reason="schema", error="a bad one")
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.job SET failed_at = now() - interval '1 hour'"))
    load(target, batch(job, steady(7.0)))
    assert get(client, "/api/pipeline").json()["stages"][2]["rows_per_s"] == 6


class Watched:
    """The sampler of a dashboard with a clock that the test sets."""

    def __init__(self, client: TestClient) -> None:
        deps = dependencies(client)
        self.now = datetime(2025, 12, 5, tzinfo=UTC)
        self.sampler = PipelineSampler(
            deps.redis, deps.streams, deps.target, deps.connector, deps.extractor,
            now=lambda: self.now,
        )  # fmt: skip

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def grown(client: TestClient, streams: redis.Redis, stream: str, *, within_s: float) -> list[Stage]:
    """The stages after a stream has grown by four entries in `within_s` seconds."""
    watched = Watched(client)
    watched.sampler.take()
    for _ in range(4):
        streams.xadd(stream, {"job": 1})
    watched.advance(within_s)
    return list(watched.sampler.take().stages)


def test_before_anything_is_loaded_the_rate_in_rows_is_unknown(
    client: TestClient, streams: redis.Redis
) -> None:
    extractor, aggregator, _ = grown(client, streams, dependencies(client).streams.raw, within_s=8)
    assert (extractor.slices_per_s, extractor.rows_per_s) == (0.5, None)
    assert (aggregator.slices_per_s, aggregator.rows_per_s) == (0, 0)


@pytest.mark.parametrize(("within_s", "rate"), [(0.1, 2.0), (10, 0.4), (10.1, 0.0)])
def test_the_growth_of_a_stream_is_the_rate_of_the_stage_before(
    client: TestClient, streams: redis.Redis, within_s: float, rate: float
) -> None:
    """In entries per second, over 2 s at least; growth of more than 10 s ago does not count."""
    stats = dependencies(client).streams.stats
    _, aggregator, loader = grown(client, streams, stats, within_s=within_s)
    assert aggregator.slices_per_s == rate
    assert loader.slices_per_s == 0


def test_an_unreachable_service_is_reported_with_its_error(client: TestClient) -> None:
    answer = get(client, "/api/pipeline").json()
    assert [answer[name]["state"] for name in ("redis", "target")] == ["ok", "ok"]
    for name in ("connector", "extractor"):
        assert answer[name]["state"] == "unavailable"
        assert f"no {name} answers" in answer[name]["error"]


def test_a_service_that_answers_is_ok(target_url: str, redis_settings: RedisSettings) -> None:
    with stub_connector() as service:
        service.respond_with(json_response({"status": "ok"}))
        with dashboard(target_url, redis_settings, connector_url=service.url) as client:
            assert get(client, "/api/pipeline").json()["connector"] == {
                "state": "ok", "error": None,
            }  # fmt: skip


def test_without_redis_and_target_the_status_is_still_200(target_url: str) -> None:
    unreachable = RedisSettings(redis_url="redis://127.0.0.1:9/0")
    with dashboard("postgresql://nobody@127.0.0.1:9/target", unreachable) as client:
        answer = get(client, "/api/pipeline").json()
        assert (answer["redis"]["state"], answer["target"]["state"]) == (
            "unavailable",
            "unavailable",
        )
        assert (answer["stages"], answer["dead"]) == ([], None)


def test_snapshots_are_kept_in_order(client: TestClient) -> None:
    for _ in range(3):
        dependencies(client).sampler.take()
    answer = get(client, "/api/pipeline/history").json()
    times = [sample["at"] for sample in answer["samples"]]
    assert times == sorted(times)
    assert (len(times), answer["every_s"]) == (3, 2.0)


@pytest.mark.parametrize(("age_s", "count"), [(5.9, 1), (6.0, 2)])
def test_a_snapshot_is_reused_for_six_seconds(client: TestClient, age_s: float, count: int) -> None:
    watched = Watched(client)
    watched.sampler.latest()
    watched.advance(age_s)
    assert watched.sampler.latest() == watched.sampler.snapshots()[-1]
    assert len(watched.sampler.snapshots()) == count
