"""The page of one job: why it failed, its slices, its log, and that its events end."""

from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from services.dashboard.queries.job_slices import PAGE
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard, load
from tests.dashboard.pages import days_job, said, words
from tests.integration.loader import ONE_DAY, batch, new_job, steady

EMPTY_SLICES = """
    INSERT INTO etl.slice (job_id, asset, start, "end", variables, window_s)
    SELECT :job, asset, '2025-12-05Z', '2025-12-06Z', '{wind_speed}', 600
    FROM unnest(CAST(:assets AS text[])) AS asset
"""


def test_a_failed_job_says_why_and_leads_to_its_dead_letters(
    client: TestClient, target: Engine
) -> None:
    job = new_job(target)
    Ledger(target).fail(job, reason="contract", error="<b>rows</b> outside")
    page = client.get(f"/jobs/{job}")
    assert "contract : <b>rows</b> outside" in words(page)
    assert "<b>rows" not in page.text
    assert f'href="/dead?job={job}"' in page.text
    assert f'action="/jobs/{job}/retry"' in page.text


def test_slices_come_a_page_at_a_time(client: TestClient, target: Engine) -> None:
    *shown, last = [f"T{n:02}" for n in range(PAGE + 1)]
    job = days_job(target, *shown, last)
    with target.begin() as connection:
        connection.execute(text(EMPTY_SLICES), {"job": job, "assets": shown})
    load(target, batch(job, steady(7.0, 1440), length=ONE_DAY, asset=last))
    first = client.get(f"/jobs/{job}").text
    following = f"/jobs/{job}?asset={shown[-1]}&amp;since=2025-12-05T00%3A00%3A00%2B00%3A00"
    assert following in first
    second = said(client, following.replace("&amp;", "&"))
    assert f"{last} 2025-12-05 00:00 2025-12-06 00:00 loaded 1,440 144 100.0 %" in second
    assert f"{shown[-1]} 2025-12-05" not in second


def test_the_next_page_of_slices_begins_after_the_last_one_shown(
    client: TestClient, target: Engine
) -> None:
    job = Ledger(target).job(new_job(target, days=3, slices=72))
    hours = list(job.slices(["T01"]))
    Ledger(target).mark_published(hours)
    page = client.get(f"/jobs/{job.id}").text
    assert f"/jobs/{job.id}?asset=T01&amp;since=2025-12-07T01%3A00%3A00%2B00%3A00" in page
    second = said(client, f"/jobs/{job.id}?asset=T01&since={hours[49].start:%Y-%m-%dT%H:%M}Z")
    assert second.count("T01 2025-12-07") == 22
    assert "T01 2025-12-06" not in second


def test_a_full_page_of_slices_is_the_last_where_there_are_no_more(
    client: TestClient, target: Engine
) -> None:
    job = Ledger(target).job(new_job(target, days=3, slices=72))
    hours = list(job.slices(["T01"]))
    Ledger(target).mark_published(hours[:50])
    assert 'id="more-slices"' not in client.get(f"/jobs/{job.id}").text
    Ledger(target).mark_published(hours[50:51])
    assert 'id="more-slices"' in client.get(f"/jobs/{job.id}").text


def test_the_events_of_a_job_end_with_it(client: TestClient, target: Engine) -> None:
    job = new_job(target)
    load(target, batch(job, steady(7.0)))
    answer = client.get(f"/jobs/{job}/live")
    names = [line for line in answer.text.splitlines() if line.startswith("event:")]
    assert names == ["event: state", "event: away", "event: ended"]


def test_a_jobs_log_is_found_by_its_trace(
    target_url: str, redis_settings: RedisSettings, target: Engine, tmp_path: Path
) -> None:
    job = new_job(target)
    with target.begin() as connection:
        connection.exec_driver_sql("UPDATE etl.job SET trace = 'mine-1'")
    line = "2025-12-05T00:01:00.5Z [info     ] job.started trace=mine-1 job=1\n"
    (tmp_path / "extractor-1.log").write_text(line)
    with dashboard(target_url, redis_settings, log_folder=tmp_path) as client:
        assert "2025-12-05 00:01:00 extractor-1 info job.started" in said(
            client, f"/jobs/{job}/log"
        )
    with dashboard(target_url, redis_settings, log_folder=tmp_path / "none") as client:
        assert "MINUANO_LOG_FOLDER" in said(client, f"/jobs/{job}/log")
    with dashboard(target_url, redis_settings) as client:
        found = said(client, f"/jobs/{job}/log")
        assert "docker compose logs --no-log-prefix | grep -F -- mine-1" in found


def test_a_job_that_is_not_there_is_told_in_a_page(client: TestClient) -> None:
    assert "There is no job 999." in said(client, "/jobs/999", status=404)
