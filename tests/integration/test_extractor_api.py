"""Jobs over HTTP: creating, refusing, listing, cancelling and retrying them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cli.embedded import ports
from shared.postgres import engines
from shared.settings import RedisSettings
from tests.actors import TESTER
from tests.integration.jobs import DATE, VARIABLES, Api, assert_problem, serving
from tests.integration.stub_connector import StubConnector, json_response, stub_connector


@pytest.fixture
def server() -> Iterator[StubConnector]:
    with stub_connector() as running:
        running.respond_with(json_response(VARIABLES))
        yield running


@pytest.fixture
def api(target: Engine, redis_settings: RedisSettings, server: StubConnector) -> Iterator[Api]:
    with serving(target, redis_settings, server.url) as api:
        yield api


def test_a_job_is_added_to_the_ledger_and_to_the_stream(api: Api) -> None:
    response = api.post({"date": DATE})
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/jobs/{job['id']}"
    assert (job["state"], job["start"], job["end"]) == ("queued", DATE, DATE)
    assert job["variables"] == ["wind_speed", "power"]
    counts = {"published": 0, "done": 0, "superseded": 0, "unchanged": 0}
    assert (job["slices"], job["only"]) == ({"total": None, **counts}, None)
    ledger = api.ledger.identity().current.encode()
    assert api.entries() == [{b"ledger": ledger, b"job": str(job["id"]).encode(), b"attempt": b"1"}]
    assert api.client.get(f"/jobs/{job['id']}").json() == job


def test_a_job_may_name_a_date_range_and_variables_and_be_for_changed_slices_only(api: Api) -> None:
    body = {
        "start": "2025-12-01", "end": "2025-12-10", "variables": ["ambient_temperature"],
        "only": "changed",
    }  # fmt: skip
    job = api.post(body).json()
    assert {name: job[name] for name in body} == body


def test_the_request_id_becomes_the_trace_of_the_job(api: Api) -> None:
    response = api.post(**{"X-Request-ID": "mine-1"})
    assert (response.headers["x-request-id"], response.json()["trace"]) == ("mine-1", "mine-1")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, ["give either `date`, or both"]),
        ({"date": DATE, "start": DATE, "end": DATE}, ["give either"]),
        ({"start": DATE}, ["give either"]),
        ({"date": "2025-02-30"}, ["date", "not in the calendar"]),
        ({"date": "5.12.2025"}, ["date", "YYYY-MM-DD"]),
        ({"date": 0}, ["date", "YYYY-MM-DD"]),
        ({"date": True}, ["date"]),
        ({"date": None}, ["give either"]),
        ({"start": DATE, "end": "2025-12-04"}, ["before"]),
        ({"start": "2000-01-01", "end": "2025-12-04"}, ["3660 days are allowed"]),
        ({"date": DATE, "day": 5}, ["day"]),
        ({"date": DATE, "variables": []}, ["variables"]),
        ({"date": DATE, "variables": "power"}, ["variables"]),
        ({"date": DATE, "variables": ["power", "power"]}, ["variables", "twice"]),
        ({"date": DATE, "variables": ["power; DROP TABLE data"]}, ["variables", "wind_speed"]),
        ({"date": DATE, "variables": ["torque"]}, ["torque", "ambient_temperature"]),
        ({"date": DATE, "assets": ["T01"]}, ["no asset column"]),
        ([DATE], ["body"]),
    ],
    ids=lambda value: json.dumps(value)[:40] if not isinstance(value, list) else None,
)
def test_an_invalid_job_is_refused_with_the_reason(api: Api, body: Any, words: list[str]) -> None:
    assert_problem(api.client.post("/jobs", json=body), 422, *words)
    assert (api.entries(), api.ledger.jobs(limit=9)) == ([], [])


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 422), (b'{"date": NaN}', 422), (b"", 422), (b'{"date": "2025-12-05",}', 422),
     (b"\xff", 422)],
)  # fmt: skip
def test_a_body_that_is_not_json_is_refused(api: Api, content: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    assert_problem(api.client.post("/jobs", content=content, headers=headers), status)


def test_a_body_over_the_limit_is_refused(api: Api) -> None:
    assert_problem(api.post({"date": DATE, "variables": ["x" * 2**17]}), 413)
    assert api.entries() == []


def test_a_body_that_is_not_declared_as_json_is_refused(api: Api) -> None:
    plain = {"Content-Type": "text/plain"}
    assert_problem(api.client.post("/jobs", content=b'{"date": "2025-12-05"}', headers=plain), 415)
    assert api.entries() == []


@pytest.mark.parametrize("key", ["", "two words", "x" * 201])
def test_an_invalid_idempotency_key_is_refused(api: Api, key: str) -> None:
    assert_problem(api.post(key=key), 422, "Idempotency-Key")


def test_the_same_key_and_body_return_the_first_job(api: Api) -> None:
    first, again = api.post(key="k"), api.post(key="k")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert first.headers["location"] == again.headers["location"]
    assert len(api.entries()) == 1


def test_equivalent_bodies_with_one_key_are_one_job(api: Api) -> None:
    first = api.post({"date": DATE}, key="k")
    again = api.post({"variables": ["wind_speed", "power"], "date": DATE}, key="k")
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_the_same_key_with_another_body_is_a_conflict(api: Api) -> None:
    first = api.post(key="k").json()["id"]
    assert_problem(api.post({"date": "2025-12-06"}, key="k"), 409, f"job {first}")


def test_concurrent_requests_with_one_key_are_one_job(api: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: api.post(key="k"), range(8)))
    assert sorted(response.status_code for response in responses) == [200] * 7 + [202]
    assert len({response.json()["id"] for response in responses}) == 1
    assert len(api.entries()) == 1


def test_jobs_are_listed_in_pages_newest_first(api: Api) -> None:
    ids = [api.post().json()["id"] for _ in range(5)]
    listed: list[int] = []
    before = None
    while True:
        query = {"limit": 2, **({"before": before} if before else {})}
        page = api.client.get("/jobs", params=query).json()
        listed += [job["id"] for job in page["jobs"]]
        before = page["next"]
        if before is None:
            break
    assert listed == ids[::-1]


def test_jobs_can_be_listed_by_state(api: Api) -> None:
    first, second = (api.post().json()["id"] for _ in range(2))
    api.client.post(f"/jobs/{first}/cancel")
    for state, ids in (("queued", [second]), ("cancelled", [first]), ("done", [])):
        page = api.client.get("/jobs", params={"state": state}).json()
        assert [job["id"] for job in page["jobs"]] == ids


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "state=lost", "before=0", "nope=1"]
)
def test_an_invalid_filter_of_the_list_is_refused(api: Api, query: str) -> None:
    assert_problem(api.client.get(f"/jobs?{query}"), 422, query.split("=")[0])


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")],
    ids=["get", "events", "cancel", "retry"],
)
@pytest.mark.parametrize(
    ("id", "status"), [("4711", 404), ("0", 422), ("first", 422), (str(2**63), 422)]
)
def test_an_unknown_job_is_not_found(
    api: Api, method: str, path: str, id: str, status: int
) -> None:
    assert_problem(api.client.request(method, f"/jobs/{id}{path}"), status)


def test_a_cancelled_job_cannot_be_cancelled_again(api: Api) -> None:
    id = api.post().json()["id"]
    assert api.client.post(f"/jobs/{id}/cancel").json()["state"] == "cancelled"
    assert_problem(api.client.post(f"/jobs/{id}/cancel"), 409, "cancelled", "queued or running")


def test_only_failed_or_cancelled_jobs_can_be_retried(api: Api) -> None:
    id = api.post().json()["id"]
    assert_problem(api.client.post(f"/jobs/{id}/retry"), 409, "failed or cancelled")
    api.ledger.fail(id, reason="contract", error="rows out of order")
    failed = api.client.get(f"/jobs/{id}").json()
    assert [failed[n] for n in ("state", "reason", "error")] == [
        "failed", "contract", "rows out of order",
    ]  # fmt: skip
    response = api.client.post(f"/jobs/{id}/retry")
    assert (response.status_code, response.json()["state"]) == (202, "queued")
    assert [entry[b"attempt"] for entry in api.entries()] == [b"1", b"2"]


def test_the_events_end_when_the_job_ends(api: Api) -> None:
    id = api.post().json()["id"]
    with api.client.stream("GET", f"/jobs/{id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        api.ledger.cancel(id, by=TESTER)
        lines = [line for line in response.iter_lines() if line.startswith("data:")]
    states = [json.loads(line.removeprefix("data:"))["state"] for line in lines]
    assert states[-1] == "cancelled"
    assert len(states) == len(set(states))


def test_without_an_api_key_only_health_checks_answer(
    target: Engine, redis_settings: RedisSettings, server: StubConnector
) -> None:
    keys = SecretStr("new-key, old-key")
    with serving(target, redis_settings, server.url, api_key=keys) as api:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic new-key"}):
            response = api.client.get("/jobs", headers=headers)
            assert_problem(response, 401)
            assert response.headers["www-authenticate"] == "Bearer"
        for key in ("new-key", "old-key"):
            assert api.post(Authorization=f"Bearer {key}").status_code == 202
        assert api.client.get("/health/live").status_code == 200


def test_while_redis_is_unavailable_a_job_is_added_to_the_ledger(
    target: Engine, redis_settings: RedisSettings, server: StubConnector
) -> None:
    unused = SecretStr(f"redis://127.0.0.1:{ports.free()}")
    with serving(target, redis_settings, server.url, redis_url=unused) as api:
        response = api.post()
        assert response.status_code == 202
        assert api.ledger.job(response.json()["id"]).state == "queued"


def test_while_the_connector_is_unavailable_a_job_is_accepted(
    target: Engine, redis_settings: RedisSettings
) -> None:
    with serving(target, redis_settings, f"http://127.0.0.1:{ports.free()}") as api:
        assert api.post({"date": DATE, "variables": ["torque"]}).status_code == 202


def test_a_new_variable_of_the_source_is_accepted_at_once(api: Api, server: StubConnector) -> None:
    assert api.post().status_code == 202
    server.respond_with(json_response([*VARIABLES, {"name": "torque", "type": "real"}]))
    assert api.post({"date": DATE, "variables": ["torque"]}).status_code == 202


def test_a_job_is_refused_while_too_many_are_waiting(
    target: Engine, redis_settings: RedisSettings, server: StubConnector
) -> None:
    with serving(target, redis_settings, server.url, max_queued_jobs=2) as api:
        assert [api.post().status_code for _ in range(2)] == [202, 202]
        response = api.post()
        assert_problem(response, 503, "2 jobs are waiting; 2 are allowed")
        assert response.headers["retry-after"]


def test_while_the_ledger_is_unavailable_jobs_are_refused(
    redis_settings: RedisSettings, server: StubConnector
) -> None:
    url = f"postgresql://someone:secret@127.0.0.1:{ports.free()}/target"
    engine = engines.connect(url, application="test")
    with serving(engine, redis_settings, server.url) as api:
        response = api.post()
        assert_problem(response, 503, "PostgreSQL")
        assert response.headers["retry-after"]
        assert "secret" not in response.text
        assert api.entries() == []
        assert_problem(api.client.get("/health/ready"), 503)


def test_a_job_with_far_more_samples_than_expected_says_so(api: Api, target: Engine) -> None:
    id = api.post().json()["id"]
    with target.begin() as connection:
        connection.execute(text("UPDATE etl.job SET present = 6000, expected = 10"))
    assert api.client.get(f"/jobs/{id}").json()["note"] == (
        "warning: 600 times as many samples as expected; set MINUANO_SAMPLING_PERIOD_S, "
        "now 60 s, to that of the source"
    )


def test_a_job_without_assets_is_done_with_0_windows(api: Api, target: Engine) -> None:
    id = api.post().json()["id"]
    api.ledger.mark_started(id, assets=[], slices_total=0)
    job = api.client.get(f"/jobs/{id}").json()
    assert (job["state"], job["coverage"]) == ("done", None)
    assert "0 windows" in job["note"]
    with target.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM etl.slice")).scalar() == 0
