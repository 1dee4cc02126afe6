"""The pipeline's page: what it says of each stage, and what it advises."""

from fastapi.testclient import TestClient

from services.dashboard.web.server_sent_events import EventStreams
from shared.settings import RedisSettings
from shared.streams import worker_registry
from shared.streams.epitaph import DEAD_PREFIX
from tests.dashboard.dashboard_client import dashboard, replace_parts
from tests.dashboard.pages import parts, said


def test_work_without_a_worker_is_named_with_the_lines_that_help(client: TestClient) -> None:
    here = parts(client)
    here.redis.xadd(here.streams.raw, {"job": 1})
    found = said(client, "/pipeline")
    assert "Aggregator stands still: 1 wait, and nobody works on them" in found
    assert "docker compose up -d aggregator" in found
    assert "tail -n 50 .minuano/logs/aggregator-1.log" in found
    assert "Loader has no worker" in found


def test_a_stage_with_a_worker_and_nothing_to_do_waits(client: TestClient) -> None:
    here = parts(client)
    for stream in (here.streams.jobs, here.streams.raw, here.streams.stats):
        worker_registry.heartbeat(here.redis, stream, "worker-1")
    found = said(client, "/pipeline")
    assert "Aggregator computes the statistics waits for work" in found
    assert "stands still" not in found
    assert "Connector does not answer" in found  # in these tests it is away


def test_dead_letters_are_counted_and_lead_to_their_page(client: TestClient) -> None:
    here = parts(client)
    here.redis.xadd(here.streams.dead, {f"{DEAD_PREFIX}reason": "schema"})
    page = client.get("/pipeline").text
    assert "Dead letters: 1." in page
    assert 'href="/dead"' in page


def test_without_redis_and_target_the_page_says_so(target_url: str) -> None:
    nowhere = RedisSettings(redis_url="redis://127.0.0.1:9/0")
    with dashboard("postgresql://nobody@127.0.0.1:9/target", nowhere) as client:
        found = said(client, "/pipeline")
    assert "Redis does not answer" in found
    assert "Target does not answer" in found
    assert "Without Redis nobody can tell." in found
    assert "docker compose up -d target-db" in found


def test_the_live_parts_come_as_events_that_end(client: TestClient) -> None:
    replace_parts(client, event_streams=EventStreams(for_s=0.0))
    answer = client.get("/pipeline/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [line for line in answer.text.splitlines() if line.startswith("event:")] == [
        "event: verdict", "event: board",
    ]  # fmt: skip
    assert "retry: 1000" in answer.text


def test_it_is_there_in_portuguese(client: TestClient) -> None:
    client.headers["Accept-Language"] = "pt-BR"
    found = said(client, "/pipeline")
    assert "Agregador está sem trabalhador" in found
