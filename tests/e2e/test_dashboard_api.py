"""The parts of the API that the connector and the extractor answer, with a running stack."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from shared.domain.job import END_STATES
from tests.e2e.pipeline import Pipeline, running
from tests.e2e.source_strategies import DAY_MINUTES, START, steady_samples
from tests.polling import wait_until

KEY = "key-of-the-test"
SETTINGS = {"MINUANO_API_KEY": KEY, "MINUANO_SOURCE_ASSET_COLUMN": "asset"}
DAY = START.date().isoformat()


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    """A stack with an API key, and a day of two turbines in its source."""
    with running(settings=SETTINGS, assets=True, dashboard=True) as pipeline:
        rows = steady_samples(START, DAY_MINUTES)
        pipeline.fill_source([(asset, *row) for asset in ("T01", "T02") for row in rows])
        yield pipeline


@pytest.fixture
def api(pipeline: Pipeline) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(
        base_url=pipeline.addresses.dashboard_url, headers=headers, timeout=30
    ) as client:
        yield client


def ended(api: httpx.Client, location: str) -> dict[str, Any]:
    """The job when it has ended."""

    def job() -> dict[str, Any] | None:
        current: dict[str, Any] = api.get(location).raise_for_status().json()
        return current if current["state"] in END_STATES else None

    last: dict[str, Any] = wait_until(job, what="the end of the job")
    return last


def test_a_job_is_created_followed_and_listed(api: httpx.Client) -> None:
    answer = api.post("/api/jobs", json={"date": DAY}, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 202
    location = answer.headers["location"]
    assert location == f"/api/jobs/{answer.json()['id']}"
    job = ended(api, location)
    assert (job["state"], job["rows"], job["windows"]) == ("done", 2 * DAY_MINUTES, 288)
    events = api.get(f"{location}/events").text
    assert events.count("event: job") == 1
    assert "event: ended\ndata: done" in events
    again = api.post("/api/jobs", json={"date": DAY}, headers={"Idempotency-Key": "once"})
    assert (again.status_code, again.json()["id"]) == (200, job["id"])
    assert job["id"] in [listed["id"] for listed in api.get("/api/jobs").json()["jobs"]]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/api/jobs", {"date": "yesterday"}, 422, "YYYY-MM-DD"),
        ("POST", "/api/jobs", {"date": DAY, "variables": ["rain"]}, 422, "wind_speed"),
        ("GET", "/api/jobs/999999", None, 404, "there is no job 999999"),
        ("POST", "/api/jobs/999999/cancel", None, 404, "there is no job 999999"),
        ("GET", "/api/jobs?state=lost", None, 422, "queued"),
        ("POST", "/api/run-etl", {"days": 0}, 422, "greater than or equal to 1"),
        ("POST", "/api/run-etl", {"days": "3"}, 422, "must be a number"),
        ("POST", "/api/generate-data", {"days": 1, "period": "soon"}, 422, "1min"),
        ("POST", "/api/generate-data", {"days": 3660, "period": 0.1}, 422, "2,000,000"),
        ("GET", "/api/data?start=noon", None, 422, "2025-12-05"),
    ],
)
def test_errors_of_the_owning_service_are_forwarded(
    api: httpx.Client, method: str, path: str, body: Any, status: int, message: str
) -> None:
    answer = api.request(method, path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status, "application/problem+json",
    )  # fmt: skip
    assert message in answer.text


def test_raw_samples_are_paged(api: httpx.Client) -> None:
    params = {"start": DAY, "variables": "power", "limit": "1000"}
    answer = api.get("/api/data", params=params)
    rows = list(answer.json()["data"])
    while "next" in answer.links:
        assert answer.links["next"]["url"].startswith("/api/data?")
        answer = api.get(answer.links["next"]["url"])
        rows += answer.json()["data"]
    assert len({(row["asset"], row["timestamp"]) for row in rows}) == len(rows) == 2 * DAY_MINUTES
    as_text = api.get("/api/data", params=params, headers={"Accept": "text/csv"})
    assert as_text.headers["content-type"].startswith("text/csv")
    assert as_text.headers["minuano-rows"] == "1000"


def test_generated_days_are_loaded_as_the_last_days(api: httpx.Client) -> None:
    generated = api.post("/api/generate-data", json={"days": 2, "period": "1min"})
    assert generated.status_code == 201
    following = date.fromisoformat(DAY).toordinal() + 1
    days = [date.fromordinal(following + n).isoformat() for n in range(2)]
    assert generated.json() == {"start": days[0], "end": days[1], "samples": 4 * DAY_MINUTES}
    key = {"Idempotency-Key": "the-last-two"}
    answer = api.post("/api/run-etl", json={"days": 2}, headers=key)
    assert answer.status_code == 202
    again = api.post("/api/run-etl", json={"days": 2}, headers=key)
    assert (again.status_code, again.headers["location"]) == (200, answer.headers["location"])
    job = ended(api, answer.headers["location"])
    assert (job["state"], job["start"], job["end"]) == ("done", *days)
    assert job["coverage"] == 1.0


def test_a_dead_letter_is_listed_without_its_payload(api: httpx.Client, pipeline: Pipeline) -> None:
    pipeline.redis.xadd(pipeline.streams.raw, {"job": "7", "payload": b"\xff" * 100})
    wait_until(lambda: api.get("/api/dead").json()["count"], what="a dead letter")
    page = api.get("/api/dead", params={"limit": 1}).json()
    [letter] = page["letters"]
    assert (letter["stage"], letter["job"], letter["fields"]) == ("aggregator", 7, {"job": "7"})
    assert letter["payload_bytes"] == 100
    assert page["next"] == letter["id"]
    before = api.get("/api/dead", params={"before": letter["id"]}).json()["letters"]
    assert letter["id"] not in [older["id"] for older in before]
    assert api.get("/api/dead", params={"before": "0-0"}).json()["letters"] == []
