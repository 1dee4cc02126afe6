"""The pipeline as the API shows it, also where parts of it are away."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from services.dashboard.dependencies import Dependencies
from services.dashboard.monitoring.pipeline_sampler import PipelineSampler, Stage
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import worker_registry
from shared.streams.epitaph import DEAD_PREFIX
from tests.dashboard.dashboard_client import dashboard, get, load
from tests.integration.loader import batch, new_job, steady
from tests.integration.stub_connector import json_response, stub_connector

AN_HOUR = timedelta(hours=1)


def parts(client: TestClient) -> Dependencies:
    found: Dependencies = client.app.state.deps  # type: ignore[attr-defined]
    return found


@pytest.fixture
def streams(redis_settings: RedisSettings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_settings.redis_url.get_secret_value()) as found:
        yield found


def test_what_waits_and_what_is_in_hand_are_counted(
    client: TestClient, streams: redis.Redis
) -> None:
    raw = parts(client).streams.raw
    for _ in range(3):
        streams.xadd(raw, {"job": 1})
    streams.xgroup_create(raw, "aggregator", "0-0")
    streams.xreadgroup("aggregator", "worker-1", {raw: ">"}, count=1)
    worker_registry.heartbeat(streams, raw, "worker-2")
    streams.xadd(parts(client).streams.dead, {f"{DEAD_PREFIX}reason": "schema"})
    found = get(client, "/api/pipeline").json()
    assert [stage["stage"] for stage in found["stages"]] == ["extractor", "aggregator", "loader"]
    stage = found["stages"][1]
    assert (stage["entries"], stage["backlog"], stage["pending"]) == (3, 2, 1)
    assert (stage["workers"], found["dead"]) == (2, 1)
    assert stage["oldest_s"] >= 0


@pytest.mark.parametrize("samples", [60, 0])
def test_what_was_loaded_in_the_last_seconds_is_a_rate(
    client: TestClient, target: Engine, samples: int
) -> None:
    load(target, batch(new_job(target), steady(7.0, samples)))
    loaded_ago(target, -AN_HOUR)
    stages = get(client, "/api/pipeline").json()["stages"]
    assert [stage["rows_per_s"] for stage in stages] == [samples / 10] * 3
    assert stages[2]["slices_per_s"] == 0.1


def test_what_was_loaded_before_the_last_seconds_is_no_rate(
    client: TestClient, target: Engine
) -> None:
    load(target, batch(new_job(target), steady(7.0)))
    loaded_ago(target, timedelta(seconds=11))
    assert get(client, "/api/pipeline").json()["stages"][2]["slices_per_s"] == 0


def loaded_ago(target: Engine, ago: timedelta) -> None:
    """The slices were loaded so long ago by the database's clock, or will be: that stays recent on
    the slowest machine.
    """
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.slice SET loaded_at = now() - :ago"), {"ago": ago})


def test_a_job_that_failed_for_a_slice_goes_on_to_be_counted(
    client: TestClient, target: Engine
) -> None:
    job = new_job(target, slices=2)
    Ledger(target).fail_for_dead_letter(job, letter="1-0", reason="schema", error="a bad one")
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.job SET failed_at = now() - interval '1 hour'"))
    load(target, batch(job, steady(7.0)))
    loaded_ago(target, -AN_HOUR)
    assert get(client, "/api/pipeline").json()["stages"][2]["rows_per_s"] == 6


class Watched:
    """The history of a dashboard, by a clock that the test sets."""

    def __init__(self, client: TestClient) -> None:
        here = parts(client)
        self.now = datetime(2025, 12, 5, tzinfo=UTC)
        self.history = PipelineSampler(
            here.redis, here.streams, here.target, here.connector, here.extractor,
            now=lambda: self.now,
        )  # fmt: skip

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def grown(client: TestClient, streams: redis.Redis, stream: str, *, within_s: float) -> list[Stage]:
    """The stages after a stream has grown by four entries within so many seconds."""
    watched = Watched(client)
    watched.history.take()
    for _ in range(4):
        streams.xadd(stream, {"job": 1})
    watched.later(within_s)
    return list(watched.history.take().stages)


def test_while_nothing_was_loaded_nobody_knows_how_many_samples_a_slice_has(
    client: TestClient, streams: redis.Redis
) -> None:
    extractor, aggregator, _ = grown(client, streams, parts(client).streams.raw, within_s=8)
    assert (extractor.slices_per_s, extractor.rows_per_s) == (0.5, None)
    assert (aggregator.slices_per_s, aggregator.rows_per_s) == (0, 0)


@pytest.mark.parametrize(("within_s", "rate"), [(0.1, 2.0), (10, 0.4), (10.1, 0.0)])
def test_a_stream_that_grows_was_written_by_the_stage_before(
    client: TestClient, streams: redis.Redis, within_s: float, rate: float
) -> None:
    """By so many a second; two looks at once are no rate, nor is what was seen long before."""
    stats = parts(client).streams.stats
    _, aggregator, loader = grown(client, streams, stats, within_s=within_s)
    assert aggregator.slices_per_s == rate
    assert loader.slices_per_s == 0


def test_whoever_is_away_is_named_and_the_others_are_shown(client: TestClient) -> None:
    found = get(client, "/api/pipeline").json()
    assert [found[name]["state"] for name in ("redis", "target")] == ["ok", "ok"]
    for name in ("connector", "extractor"):
        assert found[name]["state"] == "unavailable"
        assert f"no {name} answers" in found[name]["error"]


def test_a_service_that_answers_is_there(target_url: str, redis_settings: RedisSettings) -> None:
    with stub_connector() as service:
        service.respond_with(json_response({"status": "ok"}))
        with dashboard(target_url, redis_settings, connector_url=service.url) as client:
            assert get(client, "/api/pipeline").json()["connector"] == {
                "state": "ok", "error": None,
            }  # fmt: skip


def test_without_redis_and_target_there_is_an_answer_all_the_same(target_url: str) -> None:
    nowhere = RedisSettings(redis_url="redis://127.0.0.1:9/0")
    with dashboard("postgresql://nobody@127.0.0.1:9/target", nowhere) as client:
        found = get(client, "/api/pipeline").json()
        assert (found["redis"]["state"], found["target"]["state"]) == ("unavailable", "unavailable")
        assert (found["stages"], found["dead"]) == ([], None)


def test_what_was_seen_is_kept_in_order_and_not_for_ever(client: TestClient) -> None:
    for _ in range(3):
        parts(client).sampler.take()
    found = get(client, "/api/pipeline/history").json()
    stamps = [sample["at"] for sample in found["samples"]]
    assert stamps == sorted(stamps)
    assert (len(stamps), found["every_s"]) == (3, 2.0)


@pytest.mark.parametrize(("age_s", "looks"), [(5.9, 1), (6.0, 2)])
def test_a_sample_is_fresh_for_six_seconds_and_then_taken_again(
    client: TestClient, age_s: float, looks: int
) -> None:
    watched = Watched(client)
    watched.history.latest()
    watched.later(age_s)
    assert watched.history.latest() == watched.history.snapshots()[-1]
    assert len(watched.history.snapshots()) == looks
