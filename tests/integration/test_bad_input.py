"""A table of invalid requests to the extractor and the connector. Each response is a problem with
the words of its row. While Redis is unavailable a job is accepted: see test_extractor_api.py.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import SecretStr
from sqlalchemy import Engine

from cli.embedded import ports
from services.connector.__main__ import build
from services.connector.settings import ConnectorSettings
from shared.postgres import engines
from shared.settings import RedisSettings
from tests.integration.connector_process import MINUTES, connector, execute
from tests.integration.jobs import DATE, VARIABLES, assert_problem, serving
from tests.integration.stub_connector import StubConnector, json_response, stub_connector

JSON = {"Content-Type": "application/json"}
KEY = {"Authorization": "Bearer new"}
KEYS = SecretStr("new,old")
DAY = f"start={DATE}"


class Row(NamedTuple):
    """A request, and the status and words of its response."""

    input: str
    request: str
    status: int
    words: tuple[str, ...]
    content: str | bytes = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - it is never changed


def job(input: str, content: Any, *words: str, status: int = 422) -> Row:
    """A job that is refused; content that is not text is sent as JSON."""
    raw = content if isinstance(content, str | bytes) else json.dumps(content)
    return Row(input, "POST /jobs", status, words, raw, {**KEY, **JSON})


def jobs(input: str, request: str, *words: str, status: int = 422) -> Row:
    """Another request that the extractor refuses."""
    return Row(input, request, status, words, headers=KEY)


def data(input: str, query: str, *words: str) -> Row:
    """A query for samples that is refused."""
    return Row(input, f"GET /data?{query}", 422, words, headers=KEY)


def keyless(request: str) -> list[Row]:
    """The request without a valid key, in all ways."""
    keys = {
        "no key": {}, "unknown key": {"Authorization": "Bearer stolen"},
        "two keys at once": {"Authorization": "Bearer new,old"},
        "empty key": {"Authorization": "Bearer "},
        "wrong scheme": {"Authorization": "Basic new"},
    }  # fmt: skip
    return [
        Row(f"{name}: {request}", request, 401, ("active key",), headers=headers)
        for name, headers in keys.items()
    ]


EXTRACTOR = [
    *keyless("GET /jobs"), *keyless("POST /jobs"), *keyless("GET /jobs/1"),
    *keyless("GET /jobs/1/events"), *keyless("POST /jobs/1/cancel"), *keyless("POST /jobs/1/retry"),
    job("malformed JSON", "{", "body", "invalid JSON at character 1"),
    job("no JSON", b"\xff\xfe", "body"),
    job("nothing", "", "body"),
    job("deep JSON", "[" * 30_000, "body"),
    job("a number of 5,000 digits", '{"date": ' + "9" * 5_000 + "}", "body"),
    job("unknown field", {"date": DATE, "turbine": 5}, "turbine", "not permitted"),
    job("text for a list", {"date": DATE, "variables": "power"}, "variables"),
    job("a number for a name", {"date": DATE, "variables": [5]}, "variables.0", "string"),
    job("true for a name", {"date": DATE, "variables": [True]}, "variables.0", "string"),
    job("NaN", '{"date": NaN}', "date"),
    job("infinity", '{"date": Infinity}', "date"),
    job("NaN in a field that is none", f'{{"date": "{DATE}", "x": NaN}}', "x"),
    job("minus infinity among names", f'{{"date": "{DATE}", "assets": [-Infinity]}}', "assets.0"),
    job("half of a surrogate pair", f'{{"date": "{DATE}", "assets": ["\\ud800"]}}', "assets"),
    job("date 0", {"date": 0}, "date", "YYYY-MM-DD"),
    job("date true", {"date": True}, "date", "YYYY-MM-DD"),
    job("date in text that is 0", {"date": "0"}, "date", "YYYY-MM-DD"),
    job("30 February", {"date": "2025-02-30"}, "date", "not in the calendar"),
    job("end before start", {"start": DATE, "end": "2025-12-04"}, "`end` is before `start`"),
    job("range over the limit", {"start": "2000-01-01", "end": DATE}, "3660 days are allowed"),
    job("unknown variable", {"date": DATE, "variables": ["torque"]}, "variables", "wind_speed"),
    job("duplicate variable", {"date": DATE, "variables": ["power"] * 2}, "variables", "twice"),
    job("SQL in a name", {"date": DATE, "variables": ["power; DROP TABLE data"]}, "wind_speed"),
    job("body over the limit", " " * 65_537, "65536 bytes", status=413),
    Row("wrong Content-Type", "POST /jobs", 415, ("application/json",), "{}",
        {**KEY, "Content-Type": "text/plain"}),
    Row("no Content-Type", "POST /jobs", 415, ("application/json",), "{}", KEY),
    jobs("limit 0", "GET /jobs?limit=0", "limit", "greater than or equal to 1"),
    jobs("limit huge", f"GET /jobs?limit={10**30}", "limit", "less than or equal to 500"),
    jobs("limit true", "GET /jobs?limit=true", "limit", "integer"),
    jobs("unknown parameter", "GET /jobs?sort=id", "sort"),
    jobs("unknown job", "GET /jobs/4711", "4711", status=404),
    jobs("a job that can be none", "GET /jobs/first", "id", "integer"),
    jobs("unknown path", "GET /job", "Not Found", status=404),
    jobs("unknown method", "DELETE /jobs", "Not Allowed", status=405),
]  # fmt: skip

CONNECTOR = [
    *keyless(f"GET /data?{DAY}"),
    *keyless("GET /variables"),
    *keyless("GET /assets"),
    *keyless("GET /extent"),
    data("no start", "", "start", "required"),
    data("unknown parameter", f"{DAY}&turbine=5", "turbine", "allowed: start, end"),
    data("date 0", "start=0", "start", "not a timestamp", "2025-12-05T00:00:00Z"),
    data("30 February", "start=2025-02-30", "start", "not a timestamp"),
    data("NaN", "start=NaN", "start", "not a timestamp"),
    data("end before start", f"{DAY}&end=2025-12-04", "end", "not after"),
    data("limit 0", f"{DAY}&limit=0", "limit", "greater than or equal to 1"),
    data("limit huge", f"{DAY}&limit={10**30}", "limit", "1 to 50000"),
    data("limit over the limit", f"{DAY}&limit=50001", "limit", "1 to 50000"),
    data("limit true", f"{DAY}&limit=true", "limit", "integer"),
    data("limit NaN", f"{DAY}&limit=NaN", "limit", "integer"),
    data("unknown variable", f"{DAY}&variables=torque", "variables", "wind_speed, power"),
    data("duplicate variable", f"{DAY}&variables=power,power", "variables", "twice"),
    data("SQL in a name", f"{DAY}&variables=power;DROP TABLE data", "wind_speed, power"),
    Row("unknown path", "GET /samples", 404, ("Not Found",), headers=KEY),
    Row("unknown method", "POST /data", 405, ("Not Allowed",), headers=KEY),
    Row("unknown format", f"GET /data?{DAY}", 406, ("text/csv",), headers={**KEY, "Accept": "a/b"}),
]


@pytest.fixture(scope="module")
def source() -> Iterator[StubConnector]:
    """The connector that the extractor asks for the variables."""
    with stub_connector() as running:
        running.respond_with(json_response(VARIABLES))
        yield running


@pytest.fixture
def extractor(
    target: Engine, redis_settings: RedisSettings, source: StubConnector
) -> Iterator[TestClient]:
    with serving(target, redis_settings, source.url, api_key=KEYS) as api:
        yield api.client
        assert (api.entries(), api.ledger.jobs(limit=1)) == ([], [])


@pytest.fixture
def samples(source_url: str) -> Iterator[TestClient]:
    execute(source_url, MINUTES)
    with connector(source_url, api_key=KEYS) as client:
        yield client


def test_the_extractor_refuses_invalid_requests_and_adds_no_job(extractor: TestClient) -> None:
    assert_refused(extractor, EXTRACTOR)


def test_the_connector_refuses_invalid_requests(samples: TestClient) -> None:
    assert_refused(samples, CONNECTOR)


def assert_refused(client: TestClient, rows: list[Row]) -> None:
    """Send all rows to one service."""
    for row in rows:
        response = send(client, row)
        try:
            assert_problem(response, row.status, *row.words)
        except AssertionError as error:
            raise AssertionError(f"{row.input}: {response.status_code} {response.text}") from error
        assert ("www-authenticate" in response.headers) == (row.status == 401), row.input


def send(client: TestClient, row: Row) -> Response:
    method, path = row.request.split(" ", 1)
    return client.request(method, path, content=row.content or None, headers=row.headers)


def test_a_repeated_key_returns_the_first_job_or_a_conflict(
    target: Engine, redis_settings: RedisSettings, source: StubConnector
) -> None:
    with serving(target, redis_settings, source.url) as api:
        first = api.post({"date": DATE}, key="k")
        again = api.post({"date": DATE}, key="k")
        assert (first.status_code, again.status_code) == (202, 200)
        assert again.json()["id"] == first.json()["id"]
        assert_problem(api.post({"date": "2025-12-06"}, key="k"), 409, str(first.json()["id"]))


def test_while_postgresql_is_unavailable_both_services_send_retry_after(
    redis_settings: RedisSettings, source: StubConnector
) -> None:
    url = f"postgresql://someone:secret@127.0.0.1:{ports.free()}/away"
    with ExitStack() as until:
        engine = engines.connect(url, application="test")
        extractor = until.enter_context(serving(engine, redis_settings, source.url)).client
        settings = ConnectorSettings(source_url=SecretStr(url), port=0)
        app, _ = until.enter_context(build(settings))
        samples = until.enter_context(TestClient(app, "http://localhost"))
        for client, request in (
            (extractor, "POST /jobs"), (extractor, "GET /jobs"), (extractor, "GET /jobs/1"),
            (extractor, "GET /jobs/1/events"), (extractor, "POST /jobs/1/cancel"),
            (extractor, "POST /jobs/1/retry"), (extractor, "GET /health/ready"),
            (samples, f"GET /data?{DAY}"), (samples, "GET /variables"), (samples, "GET /assets"),
            (samples, "GET /extent"), (samples, "GET /health/ready"),
        ):  # fmt: skip
            content = json.dumps({"date": DATE}) if request == "POST /jobs" else ""
            response = send(client, Row("away", request, 503, (), content, JSON))
            assert_problem(response, 503, "PostgreSQL")
            assert response.headers["retry-after"] == "2"
            assert "secret" not in response.text
