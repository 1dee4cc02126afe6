"""The page of the pipeline: the state of each stage, and advice."""

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from services.dashboard.web.server_sent_events import EventStreams
from shared.settings import RedisSettings
from shared.streams import waits, worker_registry
from shared.streams.dead_letters import DEAD_PREFIX
from shared.streams.waits import WaitRecord
from tests.dashboard.dashboard_client import dashboard, dependencies, replace_dependencies
from tests.dashboard.pages import get_text
from tests.integration.loader import new_job
from tests.integration.services import serving


def test_a_backlog_without_workers_is_shown_with_commands(client: TestClient) -> None:
    deps = dependencies(client)
    deps.redis.xadd(deps.streams.raw, {"job": 1})
    page_text = get_text(client, "/pipeline")
    assert "Aggregator is stalled: 1 batch waiting, no worker is running" in page_text
    assert "docker compose up -d aggregator" in page_text
    assert "tail -n 50 .minuano/logs/aggregator-1.log" in page_text
    assert "Loader has no workers" in page_text


def test_a_stage_with_a_worker_and_no_entries_is_idle(client: TestClient) -> None:
    deps = dependencies(client)
    for stream in (deps.streams.jobs, deps.streams.raw, deps.streams.stats):
        worker_registry.heartbeat(deps.redis, stream, "worker-1")
    page_text = get_text(client, "/pipeline")
    assert "Aggregator computes the statistics idle" in page_text
    assert "stalled" not in page_text
    assert "Connector does not respond" in page_text


def test_dead_letters_are_counted_with_a_link(client: TestClient) -> None:
    deps = dependencies(client)
    deps.redis.xadd(deps.streams.dead, {f"{DEAD_PREFIX}reason": "schema"})
    page = client.get("/pipeline").text
    assert "Dead letters: 1." in page
    assert 'href="/dead"' in page


def test_outages_of_redis_and_target_are_shown(target_url: str) -> None:
    unreachable = RedisSettings(redis_url="redis://127.0.0.1:9/0")
    with dashboard("postgresql://nobody@127.0.0.1:9/target", unreachable) as client:
        page_text = get_text(client, "/pipeline")
    assert "Redis does not respond" in page_text
    assert "Target does not respond" in page_text
    assert "Unknown, because Redis does not respond." in page_text
    assert "docker compose up -d target-db" in page_text


def test_the_live_fragments_are_sent_as_events(client: TestClient) -> None:
    replace_dependencies(client, event_streams=EventStreams(max_duration_s=0.0))
    answer = client.get("/pipeline/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [line for line in answer.text.splitlines() if line.startswith("event:")] == [
        "event: problems", "event: stages",
    ]  # fmt: skip
    assert "retry: 1000" in answer.text


def test_the_page_is_translated(client: TestClient) -> None:
    client.headers["Accept-Language"] = "pt-BR"
    page_text = get_text(client, "/pipeline")
    assert "Agregador está sem processos" in page_text


def test_a_stage_says_what_it_waits_for(client: TestClient) -> None:
    deps = dependencies(client)
    now_ms = waits.now_ms(deps.redis)
    record = WaitRecord(
        consumer="host-1-ab", stage="loader", jobs=(1,), waits_for="the target",
        error="PostgreSQL: refused", tries=9, since_ms=now_ms, last_ms=now_ms,
    )  # fmt: skip
    waits.write(deps.redis, deps.streams, record)
    page_text = get_text(client, "/pipeline")
    assert "the loader waits for the target (since" in page_text
    assert ", tries: 9) PostgreSQL: refused" in page_text


def test_without_problems_and_stuck_jobs_the_page_says_so(
    target_url: str, redis_settings: RedisSettings, target: Engine
) -> None:
    with (
        serving() as server,
        dashboard(
            target_url, redis_settings, connector_url=server.url, extractor_url=server.url
        ) as client,
    ):
        server.responses = {"GET /health/ready": [{"status": "ok"}]}
        deps = dependencies(client)
        for stream in (deps.streams.jobs, deps.streams.raw, deps.streams.stats):
            worker_registry.heartbeat(deps.redis, stream, "host-1-aa")
        assert "No problems." in get_text(client, "/pipeline")
        new_job(target)
        with target.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE etl.job SET created_at = '2025-12-05Z', started_at = '2025-12-05Z'"
            )
        deps.sampler.take()
        assert "No problems." not in get_text(client, "/pipeline")
