"""What is wrong with a request, and the answer to it: the whole table for both services at a
glance. Each answer is a problem that says the words beside it. While Redis is away a job is still
accepted, for the ledger has it: test_extractor_api.py.
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
from tests.integration.extractor_process import Stub, stub, told
from tests.integration.jobs import DATE, VARIABLES, refused, serving

JSON = {"Content-Type": "application/json"}
KEY = {"Authorization": "Bearer new"}
KEYS = SecretStr("new,old")
DAY = f"start={DATE}"


class Row(NamedTuple):
    """A request and what it is answered with."""

    input: str
    request: str
    status: int
    words: tuple[str, ...]
    content: str | bytes = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


def job(input: str, content: Any, *words: str, status: int = 422) -> Row:
    """A job that is refused; what is no text is written as JSON."""
    raw = content if isinstance(content, str | bytes) else json.dumps(content)
    return Row(input, "POST /jobs", status, words, raw, {**KEY, **JSON})


def jobs(input: str, request: str, *words: str, status: int = 422) -> Row:
    """Something else that the extractor refuses."""
    return Row(input, request, status, words, headers=KEY)


def data(input: str, query: str, *words: str) -> Row:
    """A query for samples that is refused."""
    return Row(input, f"GET /data?{query}", 422, words, headers=KEY)


def keyless(request: str) -> list[Row]:
    """All ways not to have the key."""
    sent = {
        "no key": {}, "unknown key": {"Authorization": "Bearer stolen"},
        "no active key whole": {"Authorization": "Bearer new,old"},
        "empty key": {"Authorization": "Bearer "},
        "wrong scheme": {"Authorization": "Basic new"},
    }  # fmt: skip
    return [
        Row(f"{what}: {request}", request, 401, ("active key",), headers=headers)
        for what, headers in sent.items()
    ]


EXTRACTOR = [
    *keyless("GET /jobs"), *keyless("POST /jobs"), *keyless("GET /jobs/1"),
    *keyless("GET /jobs/1/events"), *keyless("POST /jobs/1/cancel"), *keyless("POST /jobs/1/retry"),
    job("malformed JSON", "{", "body", "no JSON from character 1"),
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
    data("unknown parameter", f"{DAY}&turbine=5", "turbine", "there are: start, end"),
    data("date 0", "start=0", "start", "no instant", "2025-12-05T00:00:00Z"),
    data("30 February", "start=2025-02-30", "start", "no instant"),
    data("NaN", "start=NaN", "start", "no instant"),
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
def source() -> Iterator[Stub]:
    """What the extractor asks for the variables."""
    with stub() as running:
        running.will(told(VARIABLES))
        yield running


@pytest.fixture
def extractor(target: Engine, redis_settings: RedisSettings, source: Stub) -> Iterator[TestClient]:
    with serving(target, redis_settings, source.url, api_key=KEYS) as api:
        yield api.client
        assert (api.entries(), api.ledger.jobs(limit=1)) == ([], [])


@pytest.fixture
def samples(source_url: str) -> Iterator[TestClient]:
    execute(source_url, MINUTES)
    with connector(source_url, api_key=KEYS) as client:
        yield client


def test_the_extractor_answers_bad_input_clearly_and_enters_nothing(extractor: TestClient) -> None:
    told_wrongly(extractor, EXTRACTOR)


def test_the_connector_answers_bad_input_clearly(samples: TestClient) -> None:
    told_wrongly(samples, CONNECTOR)


def told_wrongly(client: TestClient, rows: list[Row]) -> None:
    """All of the rows, so that one start of a service is enough for them."""
    for row in rows:
        answer = ask(client, row)
        try:
            refused(answer, row.status, *row.words)
        except AssertionError as error:
            raise AssertionError(f"{row.input}: {answer.status_code} {answer.text}") from error
        assert ("www-authenticate" in answer.headers) == (row.status == 401), row.input


def ask(client: TestClient, row: Row) -> Response:
    method, path = row.request.split(" ", 1)
    return client.request(method, path, content=row.content or None, headers=row.headers)


def test_a_key_again_is_the_first_job_and_for_something_else_a_conflict(
    target: Engine, redis_settings: RedisSettings, source: Stub
) -> None:
    with serving(target, redis_settings, source.url) as api:
        first = api.post({"date": DATE}, key="k")
        again = api.post({"date": DATE}, key="k")
        assert (first.status_code, again.status_code) == (202, 200)
        assert again.json()["id"] == first.json()["id"]
        refused(api.post({"date": "2025-12-06"}, key="k"), 409, str(first.json()["id"]))


def test_while_postgresql_is_away_both_say_when_to_come_again(
    redis_settings: RedisSettings, source: Stub
) -> None:
    nowhere = f"postgresql://someone:secret@127.0.0.1:{ports.free()}/away"
    with ExitStack() as until:
        engine = engines.connect(nowhere, application="test")
        extractor = until.enter_context(serving(engine, redis_settings, source.url)).client
        settings = ConnectorSettings(source_url=SecretStr(nowhere), port=0)
        app, _ = until.enter_context(build(settings))
        samples = until.enter_context(TestClient(app))
        for client, request in (
            (extractor, "POST /jobs"), (extractor, "GET /jobs"), (extractor, "GET /jobs/1"),
            (extractor, "GET /jobs/1/events"), (extractor, "POST /jobs/1/cancel"),
            (extractor, "POST /jobs/1/retry"), (extractor, "GET /health/ready"),
            (samples, f"GET /data?{DAY}"), (samples, "GET /variables"), (samples, "GET /assets"),
            (samples, "GET /extent"), (samples, "GET /health/ready"),
        ):  # fmt: skip
            content = json.dumps({"date": DATE}) if request == "POST /jobs" else ""
            answer = ask(client, Row("away", request, 503, (), content, JSON))
            refused(answer, 503, "PostgreSQL")
            assert answer.headers["retry-after"] == "2"
            assert "secret" not in answer.text
