"""The pages of jobs and the overview after a prune."""

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import get
from tests.integration.prune_case import DAY, prune_case


def test_pages_show_what_is_left(
    client: TestClient, target: Engine, redis_settings: RedisSettings
) -> None:
    with prune_case(target, target, redis_settings) as case:
        removed, in_part, newest = case.job(), case.job(days=2), case.job()
        overview = f"/?end={DAY}&days=7"
        before = get(client, "/api/coverage", start=DAY.isoformat()).json()["assets"]
        assert (case.prune().slices, case.jobs()) == (4, [in_part.id, newest.id])
    assert get(client, "/api/coverage", start=DAY.isoformat()).json()["assets"] == before
    assert get(client, overview).status_code == 200
    jobs = get(client, "/jobs").text
    assert f"/jobs/{in_part.id}" in jobs
    assert f"/jobs/{removed.id}" not in jobs
    page = get(client, f"/jobs/{in_part.id}").text
    assert "slices that newer jobs have replaced were pruned on" in page
    assert get(client, f"/jobs/{in_part.id}/slices").status_code == 200
    assert client.get(f"/jobs/{removed.id}").status_code == 404
