"""The page of one job: its error, its slices, its log lines and its events."""

from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from services.dashboard.queries.job_slices import PAGE
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import dashboard, load
from tests.dashboard.pages import get_text, job_of_days, text_of
from tests.integration.ledger_jobs import slices_of
from tests.integration.loader import ONE_DAY, batch, new_job, steady

EMPTY_SLICES = """
    INSERT INTO etl.slice (job_id, asset, start, "end", variables, window_s)
    SELECT :job, asset, '2025-12-05Z', '2025-12-06Z', '{wind_speed}', 600
    FROM unnest(CAST(:assets AS text[])) AS asset
"""


def test_a_failed_job_shows_its_error_and_links_to_its_dead_letters(
    client: TestClient, target: Engine
) -> None:
    job = new_job(target)
    Ledger(target).fail(job, reason="contract", error="<b>rows</b> outside")
    page = client.get(f"/jobs/{job}")
    assert "contract : <b>rows</b> outside" in text_of(page)
    assert "<b>rows" not in page.text
    assert f'href="/dead?job={job}"' in page.text
    assert f'action="/jobs/{job}/retry"' in page.text


def test_slices_are_paged(client: TestClient, target: Engine) -> None:
    *shown, last = [f"T{n:02}" for n in range(PAGE + 1)]
    job = job_of_days(target, *shown, last)
    with target.begin() as connection:
        connection.execute(text(EMPTY_SLICES), {"job": job, "assets": shown})
    load(target, batch(job, steady(7.0, 1440), length=ONE_DAY, asset=last))
    first = client.get(f"/jobs/{job}").text
    next_page = f"/jobs/{job}?asset={shown[-1]}&amp;since=2025-12-05T00%3A00%3A00%2B00%3A00"
    assert next_page in first
    second = get_text(client, next_page.replace("&amp;", "&"))
    assert f"{last} 2025-12-05 00:00 2025-12-06 00:00 loaded 1,440 144 100.0 %" in second
    assert f"{shown[-1]} 2025-12-05" not in second


def test_unchanged_slices_are_counted_and_shown(client: TestClient, target: Engine) -> None:
    job = job_of_days(target, "T01")
    load(target, batch(job, steady(7.0, 1440), length=ONE_DAY, asset="T01"))
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.slice SET unchanged = true"))
        connection.execute(text("UPDATE etl.job SET only_changed = true, unchanged = 1"))
    page = get_text(client, f"/jobs/{job}")
    assert "unchanged slices 1" in page
    assert "T01 2025-12-05 00:00 2025-12-06 00:00 unchanged 1,440" in page
    assert "unchanged slices" not in get_text(client, f"/jobs/{job_of_days(target, 'T01')}")


def test_the_next_page_of_slices_begins_after_the_last_shown_slice(
    client: TestClient, target: Engine
) -> None:
    job = Ledger(target).job(new_job(target, days=3, slices=72))
    hours = slices_of(job, "T01")
    Ledger(target).mark_published(hours)
    page = client.get(f"/jobs/{job.id}").text
    assert f"/jobs/{job.id}?asset=T01&amp;since=2025-12-07T01%3A00%3A00%2B00%3A00" in page
    second = get_text(client, f"/jobs/{job.id}?asset=T01&since={hours[49].start:%Y-%m-%dT%H:%M}Z")
    assert second.count("T01 2025-12-07") == 22
    assert "T01 2025-12-06" not in second


def test_a_full_page_of_slices_can_be_the_last(client: TestClient, target: Engine) -> None:
    job = Ledger(target).job(new_job(target, days=3, slices=72))
    hours = slices_of(job, "T01")
    Ledger(target).mark_published(hours[:50])
    assert 'id="more-slices"' not in client.get(f"/jobs/{job.id}").text
    Ledger(target).mark_published(hours[50:51])
    assert 'id="more-slices"' in client.get(f"/jobs/{job.id}").text


def test_the_events_end_with_the_job(client: TestClient, target: Engine) -> None:
    job = new_job(target)
    load(target, batch(job, steady(7.0)))
    answer = client.get(f"/jobs/{job}/live")
    names = [line for line in answer.text.splitlines() if line.startswith("event:")]
    assert names == ["event: state", "event: stale", "event: ended"]


def test_log_lines_are_found_by_the_trace_of_the_job(
    target_url: str, redis_settings: RedisSettings, target: Engine, tmp_path: Path
) -> None:
    job = new_job(target)
    with target.begin() as connection:
        connection.exec_driver_sql("UPDATE etl.job SET trace = 'trace-1'")
    line = "2025-12-05T00:01:00.5Z [info     ] job.started trace=trace-1 job=1\n"
    (tmp_path / "extractor-1.log").write_text(line)
    with dashboard(target_url, redis_settings, log_folder=tmp_path) as client:
        assert "2025-12-05 00:01:00 extractor-1 info job.started" in get_text(
            client, f"/jobs/{job}/log"
        )
    with dashboard(target_url, redis_settings, log_folder=tmp_path / "none") as client:
        assert "MINUANO_LOG_FOLDER" in get_text(client, f"/jobs/{job}/log")
    with dashboard(target_url, redis_settings) as client:
        page_text = get_text(client, f"/jobs/{job}/log")
        assert "docker compose logs --no-log-prefix | grep -F -- trace-1" in page_text


def test_a_missing_job_has_a_page(client: TestClient) -> None:
    assert "There is no job 999." in get_text(client, "/jobs/999", status=404)


def test_a_job_without_progress_says_what_it_waits_for(client: TestClient, target: Engine) -> None:
    job = new_job(target, started=False)
    with target.begin() as connection:
        connection.exec_driver_sql("UPDATE etl.job SET created_at = '2025-12-05 12:00:00Z'")
    reason = "no extractor reads test"
    assert f"No progress: {reason}" in get_text(client, f"/jobs/{job}")
    assert "(since 2025-12-05 12:00:00 UTC)" in get_text(client, f"/jobs/{job}")
    assert reason in get_text(client, "/jobs")
    problems = get_text(client, "/pipeline")
    assert "Jobs without progress: 1" in problems
    assert f"Job {job} : {reason}" in problems
    client.headers["Accept-Language"] = "pt"
    assert "Sem progresso: nenhum extrator lê" in get_text(client, f"/jobs/{job}")
