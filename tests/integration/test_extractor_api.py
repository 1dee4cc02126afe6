"""Jobs over HTTP: what is accepted, what is refused and why, and what becomes of them."""

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
from tests.integration.extractor_process import Stub, stub, told
from tests.integration.jobs import DATE, VARIABLES, Api, refused, serving


@pytest.fixture
def server() -> Iterator[Stub]:
    with stub() as running:
        running.will(told(VARIABLES))
        yield running


@pytest.fixture
def api(target: Engine, redis_settings: RedisSettings, server: Stub) -> Iterator[Api]:
    with serving(target, redis_settings, server.url) as found:
        yield found


def test_a_job_is_accepted_entered_and_put_on_the_stream(api: Api) -> None:
    answer = api.post({"date": DATE})
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/jobs/{job['id']}"
    assert (job["state"], job["start"], job["end"]) == ("queued", DATE, DATE)
    assert job["variables"] == ["wind_speed", "power"]
    assert job["slices"] == {"total": None, "published": 0, "done": 0, "superseded": 0}
    assert api.entries() == [{b"job": str(job["id"]).encode(), b"attempt": b"1"}]
    assert api.client.get(f"/jobs/{job['id']}").json() == job


def test_a_range_and_variables_can_be_asked_for(api: Api) -> None:
    body = {"start": "2025-12-01", "end": "2025-12-10", "variables": ["ambient_temperature"]}
    job = api.post(body).json()
    assert {name: job[name] for name in body} == body


def test_the_id_of_the_request_becomes_the_trace_of_the_job(api: Api) -> None:
    answer = api.post(**{"X-Request-ID": "mine-1"})
    assert (answer.headers["x-request-id"], answer.json()["trace"]) == ("mine-1", "mine-1")


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
def test_a_job_that_makes_no_sense_is_refused_with_the_reason(
    api: Api, body: Any, words: list[str]
) -> None:
    refused(api.client.post("/jobs", json=body), 422, *words)
    assert (api.entries(), api.ledger.jobs(limit=9)) == ([], [])


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 422), (b'{"date": NaN}', 422), (b"", 422), (b'{"date": "2025-12-05",}', 422),
     (b"\xff", 422)],
)  # fmt: skip
def test_what_is_no_json_is_refused(api: Api, content: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    refused(api.client.post("/jobs", content=content, headers=headers), status)


def test_a_body_over_the_limit_is_refused(api: Api) -> None:
    refused(api.post({"date": DATE, "variables": ["x" * 2**17]}), 413)
    assert api.entries() == []


def test_a_body_that_is_not_declared_as_json_is_refused(api: Api) -> None:
    plain = {"Content-Type": "text/plain"}
    refused(api.client.post("/jobs", content=b'{"date": "2025-12-05"}', headers=plain), 415)
    assert api.entries() == []


@pytest.mark.parametrize("key", ["", "two words", "x" * 201])
def test_a_key_that_is_no_key_is_refused(api: Api, key: str) -> None:
    refused(api.post(key=key), 422, "Idempotency-Key")


def test_the_same_key_and_body_again_is_the_first_job(api: Api) -> None:
    first, again = api.post(key="k"), api.post(key="k")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert first.headers["location"] == again.headers["location"]
    assert len(api.entries()) == 1


def test_two_bodies_that_mean_the_same_are_the_same(api: Api) -> None:
    first = api.post({"date": DATE}, key="k")
    again = api.post({"variables": ["wind_speed", "power"], "date": DATE}, key="k")
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_the_same_key_for_something_else_is_a_conflict(api: Api) -> None:
    first = api.post(key="k").json()["id"]
    refused(api.post({"date": "2025-12-06"}, key="k"), 409, f"job {first}")


def test_one_key_sent_many_times_at_once_is_one_job(api: Api) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post(key="k"), range(8)))
    assert sorted(a.status_code for a in answers) == [200] * 7 + [202]
    assert len({a.json()["id"] for a in answers}) == 1
    assert len(api.entries()) == 1


def test_jobs_are_listed_newest_first_and_page_by_page(api: Api) -> None:
    ids = [api.post().json()["id"] for _ in range(5)]
    found: list[int] = []
    before = None
    while True:
        query = {"limit": 2, **({"before": before} if before else {})}
        page = api.client.get("/jobs", params=query).json()
        found += [job["id"] for job in page["jobs"]]
        before = page["next"]
        if before is None:
            break
    assert found == ids[::-1]


def test_jobs_of_one_state_can_be_listed(api: Api) -> None:
    first, second = (api.post().json()["id"] for _ in range(2))
    api.client.post(f"/jobs/{first}/cancel")
    for state, ids in (("queued", [second]), ("cancelled", [first]), ("done", [])):
        page = api.client.get("/jobs", params={"state": state}).json()
        assert [job["id"] for job in page["jobs"]] == ids


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "state=lost", "before=0", "nope=1"]
)
def test_a_list_that_there_is_not_is_refused(api: Api, query: str) -> None:
    refused(api.client.get(f"/jobs?{query}"), 422, query.split("=")[0])


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")],
    ids=["look", "events", "cancel", "retry"],
)
@pytest.mark.parametrize(
    ("id", "status"), [("4711", 404), ("0", 422), ("first", 422), (str(2**63), 422)]
)
def test_an_unknown_job_is_not_found(
    api: Api, method: str, path: str, id: str, status: int
) -> None:
    refused(api.client.request(method, f"/jobs/{id}{path}"), status)


def test_a_job_is_cancelled_once(api: Api) -> None:
    id = api.post().json()["id"]
    assert api.client.post(f"/jobs/{id}/cancel").json()["state"] == "cancelled"
    refused(api.client.post(f"/jobs/{id}/cancel"), 409, "cancelled", "queued or running")


def test_only_what_failed_or_was_cancelled_is_tried_again(api: Api) -> None:
    id = api.post().json()["id"]
    refused(api.client.post(f"/jobs/{id}/retry"), 409, "failed or cancelled")
    api.ledger.fail(id, reason="contract", error="rows out of order")
    failed = api.client.get(f"/jobs/{id}").json()
    assert [failed[n] for n in ("state", "reason", "error")] == [
        "failed", "contract", "rows out of order",
    ]  # fmt: skip
    answer = api.client.post(f"/jobs/{id}/retry")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    job = str(id).encode()
    assert api.entries() == [{b"job": job, b"attempt": attempt} for attempt in (b"1", b"2")]


def test_the_events_of_a_job_end_with_it(api: Api) -> None:
    id = api.post().json()["id"]
    with api.client.stream("GET", f"/jobs/{id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        api.ledger.cancel(id)
        lines = [line for line in answer.iter_lines() if line.startswith("data:")]
    states = [json.loads(line.removeprefix("data:"))["state"] for line in lines]
    assert states[-1] == "cancelled"
    assert len(states) == len(set(states))


def test_without_a_key_nothing_is_told_but_health(
    target: Engine, redis_settings: RedisSettings, server: Stub
) -> None:
    keys = SecretStr("new-key, old-key")
    with serving(target, redis_settings, server.url, api_key=keys) as api:
        for sent in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic new-key"}):
            answer = api.client.get("/jobs", headers=sent)
            refused(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        for key in ("new-key", "old-key"):
            assert api.post(Authorization=f"Bearer {key}").status_code == 202
        assert api.client.get("/health/live").status_code == 200


def test_while_redis_is_away_a_job_is_kept_in_the_ledger(
    target: Engine, redis_settings: RedisSettings, server: Stub
) -> None:
    nowhere = SecretStr(f"redis://127.0.0.1:{ports.free()}")
    with serving(target, redis_settings, server.url, redis_url=nowhere) as api:
        answer = api.post()
        assert answer.status_code == 202
        assert api.ledger.job(answer.json()["id"]).state == "queued"


def test_while_the_connector_is_away_a_job_is_accepted(
    target: Engine, redis_settings: RedisSettings
) -> None:
    with serving(target, redis_settings, f"http://127.0.0.1:{ports.free()}") as api:
        assert api.post({"date": DATE, "variables": ["torque"]}).status_code == 202


def test_a_variable_that_the_source_got_meanwhile_is_known(api: Api, server: Stub) -> None:
    assert api.post().status_code == 202
    server.will(told([*VARIABLES, {"name": "torque"}]))
    assert api.post({"date": DATE, "variables": ["torque"]}).status_code == 202


def test_when_too_many_jobs_wait_another_is_put_off(
    target: Engine, redis_settings: RedisSettings, server: Stub
) -> None:
    with serving(target, redis_settings, server.url, max_queued_jobs=2) as api:
        assert [api.post().status_code for _ in range(2)] == [202, 202]
        answer = api.post()
        refused(answer, 503, "2 jobs are waiting")
        assert answer.headers["retry-after"]


def test_while_the_ledger_is_away_nothing_is_accepted(
    redis_settings: RedisSettings, server: Stub
) -> None:
    nowhere = f"postgresql://someone:secret@127.0.0.1:{ports.free()}/target"
    engine = engines.connect(nowhere, application="test")
    with serving(engine, redis_settings, server.url) as api:
        answer = api.post()
        refused(answer, 503, "PostgreSQL")
        assert answer.headers["retry-after"]
        assert "secret" not in answer.text
        assert api.entries() == []
        refused(api.client.get("/health/ready"), 503)


def test_a_job_over_no_asset_is_done_with_nothing(api: Api, target: Engine) -> None:
    id = api.post().json()["id"]
    api.ledger.mark_started(id, assets=[], slices_total=0)
    job = api.client.get(f"/jobs/{id}").json()
    assert (job["state"], job["coverage"]) == ("done", None)
    assert "0 windows" in job["note"]
    with target.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM etl.slice")).scalar() == 0
