"""The page of jobs: start, preview, list, cancel and retry jobs."""

import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from services.dashboard.pages.jobs import PAGE
from services.dashboard.queries.job_preview import job_preview
from services.dashboard.queries.target import Target
from services.dashboard.web.server_sent_events import EventStreams
from shared.clients.extractor import ExtractorClient
from shared.clients.settings import ExtractorClientSettings
from shared.domain.job_request import JobRequest
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import (
    dashboard,
    dependencies,
    load,
    replace_dependencies,
)
from tests.dashboard.pages import get_text, job_of_days, post_text, text_of
from tests.integration.jobs import DATE, VARIABLES, Api, serving
from tests.integration.loader import ONE_DAY, batch, new_job, steady
from tests.integration.stub_connector import StubConnector, json_response, stub_connector

FORM = {"start": DATE, "variables": ["wind_speed"], "key": "one"}
UNREACHABLE = "postgresql://nobody@127.0.0.1:9/target"


class ExtractorInProcess(ExtractorClient):
    """Sends requests to an extractor in this process."""

    def __init__(self, settings: ExtractorClientSettings, service: TestClient) -> None:
        super().__init__(settings)
        self._service = service

    def request(self, method: str, path: str, **options: Any) -> Any:
        return self._service.request(method, path, **options)


@pytest.fixture
def server() -> Iterator[StubConnector]:
    with stub_connector() as running:
        running.respond_with(json_response(VARIABLES))
        yield running


@pytest.fixture
def api(target: Engine, redis_settings: RedisSettings, server: StubConnector) -> Iterator[Api]:
    with serving(target, redis_settings, server.url, source_asset_column="asset") as found:
        yield found


@pytest.fixture
def client(target_url: str, redis_settings: RedisSettings, api: Api) -> Iterator[TestClient]:
    """A dashboard with an extractor in this process; the connector is unavailable."""
    with dashboard(target_url, redis_settings) as client:
        extractor = ExtractorInProcess(dependencies(client).settings, api.client)
        replace_dependencies(client, extractor=extractor)
        yield client
        extractor.close()


def test_a_job_is_submitted_and_its_page_shows_it(client: TestClient, api: Api) -> None:
    page_text = post_text(client, "/jobs", {**FORM, "end": "2025-12-06", "assets": ["T01"]})
    assert "The job was submitted." in page_text
    assert "2025-12-05 … 2025-12-06" in page_text
    [job] = api.ledger.jobs(limit=10)
    assert (job.variables, job.first_assets, job.state) == (("wind_speed",), ("T01",), "queued")


def test_a_flash_message_is_shown_once(client: TestClient) -> None:
    path = client.post("/jobs", data=FORM).headers["location"]
    assert "The job was submitted." in get_text(client, path)
    assert "The job was submitted." not in get_text(client, path)


def test_submitting_the_same_form_twice_creates_one_job(client: TestClient, api: Api) -> None:
    paths = [client.post("/jobs", data=FORM).headers["location"] for _ in range(2)]
    assert paths[0] == paths[1]
    client.post("/jobs", data={**FORM, "key": "two"})
    assert len(api.ledger.jobs(limit=10)) == 2


def test_errors_are_shown_and_the_input_is_kept(client: TestClient) -> None:
    answer = client.post("/jobs", data={"start": "2025-12-09", "end": "2025-12-08"})
    assert answer.status_code == 422
    assert "The last day is before the first day." in text_of(answer)
    assert "Select at least one variable." in text_of(answer)
    assert 'value="2025-12-09"' in answer.text


def test_a_rejection_by_the_extractor_is_shown_and_the_input_is_kept(client: TestClient) -> None:
    form = {**FORM, "variables": ["torque"], "more_assets": "T 07"}
    answer = client.post("/jobs", data=form)
    assert answer.status_code == 422
    assert "The job was not accepted. Your input is kept." in text_of(answer)
    assert "the source has no torque; it has " in text_of(answer)
    assert 'value="torque" checked' in answer.text
    assert 'value="T 07"' in answer.text


def test_without_an_extractor_the_input_is_kept(
    target_url: str, redis_settings: RedisSettings
) -> None:
    with dashboard(target_url, redis_settings) as client:
        answer = client.post("/jobs", data=FORM)
    assert answer.status_code == 503
    assert "no extractor answers" in text_of(answer)
    assert f'value="{DATE}"' in answer.text


def test_a_link_prefills_the_form(client: TestClient) -> None:
    page = client.get(f"/jobs?start={DATE}&end={DATE}&assets=T01&variables=power").text
    assert page.count(f'value="{DATE}"') == 2
    assert 'value="T01" checked' in page
    assert 'value="power" checked' in page


def test_a_job_for_changed_slices_only_is_a_template_for_the_next(
    client: TestClient, api: Api
) -> None:
    path = client.post("/jobs", data={**FORM, "only": "changed"}).headers["location"]
    [job] = api.ledger.jobs(limit=10)
    page = client.get(path)
    assert (job.only_changed, text_of(page).count("only changed slices")) == (True, 1)
    assert f"minuano run {DATE} --variables=wind_speed --only-changed" in text_of(page)
    assert "only changed slices" in get_text(client, "/jobs")
    [link] = re.findall(r'href="(/jobs\?[^"]*only=changed)"', page.text)
    assert 'name="only" value="changed" checked' in client.get(unescape(link)).text


def test_without_the_connector_the_form_shows_loaded_names(
    client: TestClient, target: Engine
) -> None:
    load(target, batch(job_of_days(target, "T09"), steady(7.0, 1440), length=ONE_DAY, asset="T09"))
    page = client.get("/jobs")
    assert "The connector does not respond." in text_of(page)
    assert 'value="T09"' in page.text
    assert "Others, separated by commas" in text_of(page)


def test_the_preview_counts_what_is_missing_partial_and_complete(
    client: TestClient, target: Engine
) -> None:
    job = job_of_days(target, "T01", "T02", days=2)
    load(target, batch(job, steady(7.0, 1440), length=ONE_DAY, asset="T01"))
    load(target, batch(job, steady(7.0, 720), length=ONE_DAY, asset="T02"))
    form = {**FORM, "end": "2025-12-06", "assets": ["T01", "T02", "T03"]}
    page_text = text_of(client.post("/jobs/preview", data=form))
    assert "4 missing" in page_text
    assert "1 partial" in page_text
    assert "1 complete" in page_text
    assert "minuano backfill 2025-12-05 2025-12-06" in page_text
    assert "Complete days are computed again too." in page_text
    page_text = text_of(client.post("/jobs/preview", data={**form, "only": "changed"}))
    assert "1 complete" in page_text
    assert "Complete days are computed again too." not in page_text


def test_a_day_is_complete_when_all_variables_are(client: TestClient, target: Engine) -> None:
    job = job_of_days(target, "T01")
    load(target, batch(job, steady(7.0, 1440), length=ONE_DAY, asset="T01"))
    form = {**FORM, "variables": ["wind_speed", "power"], "assets": ["T01"]}
    assert "1 partial" in text_of(client.post("/jobs/preview", data=form))


def test_the_preview_of_a_long_job_is_limited_to_the_last_days(target: Engine) -> None:
    request = JobRequest(start=date(2024, 1, 1), end=date(2025, 12, 31), variables=("*",))
    found = job_preview(
        Target(target), request, ZoneInfo("UTC"), window_s=600, source_assets=("T01",),
        source_variables=("power",),
    )  # fmt: skip
    assert (found.days[0], found.days[-1]) == (date(2024, 12, 31), date(2025, 12, 31))
    assert found.all_days == 731


def test_a_preview_without_days_asks_for_them(client: TestClient) -> None:
    page_text = text_of(client.post("/jobs/preview", data={"start": ""}))
    assert "Select days and variables to see which days are already loaded." in page_text


def test_the_list_is_filtered_and_paged(client: TestClient, target: Engine) -> None:
    ids = [new_job(target) for _ in range(PAGE + 2)]
    Ledger(target).fail(ids[0], reason="no_data", error="nothing there")
    newest = client.get("/jobs").text
    assert [f'id="job-{id}"' in newest for id in ids] == [False, False, *[True] * PAGE]
    older = client.get(f"/jobs?before={ids[2]}").text
    assert [f'id="job-{id}"' in older for id in ids] == [True, True, *[False] * PAGE]
    failed = get_text(client, "/jobs?state=failed")
    assert "no_data : nothing there" in failed
    assert "No jobs in this state." in get_text(client, "/jobs?state=cancelled")


def test_an_empty_ledger_and_an_outage_look_different(
    client: TestClient, redis_settings: RedisSettings
) -> None:
    assert "No jobs yet" in get_text(client, "/jobs")
    with dashboard(UNREACHABLE, redis_settings) as unreachable:
        assert "so jobs cannot be shown" in get_text(unreachable, "/jobs")
        assert "the state of the job is unknown" in get_text(unreachable, "/jobs/1", status=503)
        page_text = text_of(unreachable.post("/jobs/preview", data=FORM))
        assert "so loaded days cannot be shown" in page_text


def test_a_job_is_cancelled_and_retried(client: TestClient, api: Api) -> None:
    path = client.post("/jobs", data=FORM).headers["location"]
    assert "The job was cancelled" in post_text(client, f"{path}/cancel", {})
    assert "Nothing has changed. the extractor answers 409" in post_text(
        client, f"{path}/cancel", {}
    )
    assert "The job was restarted" in post_text(client, f"{path}/retry", {})
    job = int(path.rsplit("/", 1)[1])
    assert api.ledger.job(job).state == "queued"
    history = text_of(client.get(f"{path}/history"))
    positions = [history.index(verb) for verb in ("retried", "cancelled", "requested")]
    assert (positions, history.count("dashboard@testclient page")) == (sorted(positions), 3)
    assert history in text_of(client.get(path))


def test_the_api_of_the_dashboard_says_who_asks(client: TestClient) -> None:
    job = client.post("/api/jobs", json={"date": DATE}).json()["id"]
    client.post(f"/api/jobs/{job}/cancel", headers={"Minuano-Actor": "alice@pc"})
    client.post(f"/api/jobs/{job}/retry", headers={"Minuano-Actor": "alice@pc"})
    history = client.get(f"/api/jobs/{job}/history").json()
    assert [(entry["action"], entry["actor"], entry["channel"]) for entry in history] == [
        ("retry", "alice@pc", "http"),
        ("cancel", "alice@pc", "http"),
        ("request", "testclient", "http"),
    ]
    assert client.get(f"/api/jobs/{job + 1}/history").status_code == 404


def test_htmx_is_redirected_by_a_header(client: TestClient) -> None:
    path = client.post("/jobs", data=FORM).headers["location"]
    answer = client.post(f"{path}/cancel", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, path)


def test_a_cross_site_request_cannot_cancel_a_job(client: TestClient, api: Api) -> None:
    path = client.post("/jobs", data=FORM).headers["location"]
    answer = client.post(f"{path}/cancel", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert api.ledger.jobs(limit=1)[0].state == "queued"


def test_the_list_is_sent_as_events(client: TestClient, target: Engine) -> None:
    job = new_job(target)
    replace_dependencies(client, event_streams=EventStreams(max_duration_s=0.0))
    answer = client.get("/jobs/events?state=&before=0")
    assert f'id="job-{job}"' in answer.text
