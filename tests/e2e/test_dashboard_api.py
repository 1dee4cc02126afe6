"""The API routes that the dashboard forwards to connector and extractor, with a running stack."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from shared.domain.job import END_STATES
from tests.e2e.openapi import KEY, running_with_api_key
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, START
from tests.polling import wait_until

DAY = START.date().isoformat()


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with running_with_api_key() as pipeline:
        yield pipeline


@pytest.fixture
def api(pipeline: Pipeline) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(
        base_url=pipeline.addresses.dashboard_url, headers=headers, timeout=30
    ) as client:
        yield client


def wait_until_ended(api: httpx.Client, location: str) -> dict[str, Any]:
    """Wait until the job is in an end state; return it."""

    def job() -> dict[str, Any] | None:
        current: dict[str, Any] = api.get(location).raise_for_status().json()
        return current if current["state"] in END_STATES else None

    last: dict[str, Any] = wait_until(job, what="the end of the job")
    return last


def test_a_job_can_be_created_watched_and_listed(api: httpx.Client) -> None:
    response = api.post("/api/jobs", json={"date": DAY}, headers={"Idempotency-Key": "once"})
    assert response.status_code == 202
    location = response.headers["location"]
    assert location == f"/api/jobs/{response.json()['id']}"
    job = wait_until_ended(api, location)
    assert (job["state"], job["rows"], job["windows"]) == ("done", 2 * DAY_MINUTES, 288)
    events = api.get(f"{location}/events").text
    assert events.count("event: job") == 1
    assert "event: ended\ndata: done" in events
    repeated = api.post("/api/jobs", json={"date": DAY}, headers={"Idempotency-Key": "once"})
    assert (repeated.status_code, repeated.json()["id"]) == (200, job["id"])
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
    response = api.request(method, path, json=body)
    assert (response.status_code, response.headers["content-type"]) == (
        status, "application/problem+json",
    )  # fmt: skip
    assert message in response.text


def test_raw_samples_are_paged(api: httpx.Client) -> None:
    params = {"start": DAY, "variables": "power", "limit": "1000"}
    response = api.get("/api/data", params=params)
    rows = list(response.json()["data"])
    while "next" in response.links:
        assert response.links["next"]["url"].startswith("/api/data?")
        response = api.get(response.links["next"]["url"])
        rows += response.json()["data"]
    assert len({(row["asset"], row["timestamp"]) for row in rows}) == len(rows) == 2 * DAY_MINUTES
    as_csv = api.get("/api/data", params=params, headers={"Accept": "text/csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    assert as_csv.headers["minuano-rows"] == "1000"


def test_generated_days_are_loaded_as_the_last_days(api: httpx.Client) -> None:
    generated = api.post("/api/generate-data", json={"days": 2, "period": "1min"})
    assert generated.status_code == 201
    following = date.fromisoformat(DAY).toordinal() + 1
    days = [date.fromordinal(following + n).isoformat() for n in range(2)]
    assert generated.json() == {"start": days[0], "end": days[1], "samples": 4 * DAY_MINUTES}
    key = {"Idempotency-Key": "the-last-two"}
    response = api.post("/api/run-etl", json={"days": 2}, headers=key)
    assert response.status_code == 202
    repeated = api.post("/api/run-etl", json={"days": 2}, headers=key)
    assert (repeated.status_code, repeated.headers["location"]) == (
        200,
        response.headers["location"],
    )
    job = wait_until_ended(api, response.headers["location"])
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
