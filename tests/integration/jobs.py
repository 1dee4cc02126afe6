"""The extractor's HTTP API without its consumer, for tests of requests and responses."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import redis
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import SecretStr
from sqlalchemy import Engine

from services.extractor.api import router
from services.extractor.job_events import JobEvents
from services.extractor.job_intake import JobIntake
from services.extractor.sample_client import SampleClient
from services.extractor.settings import ExtractorSettings
from shared.http.app import create_app
from shared.ledger.audit_log import AuditLog
from shared.ledger.ledger import Ledger
from shared.settings import RedisSettings
from shared.streams import redis_client
from shared.streams.entries import StreamNames
from shared.streams.job_waits import JobWaits

DATE = "2025-12-05"
VARIABLES = [{"name": n, "type": "real"} for n in ("wind_speed", "power", "ambient_temperature")]
PROBLEM = "application/problem+json"


class Api:
    """The extractor's HTTP API; no consumer reads its jobs from the stream."""

    def __init__(self, client: TestClient, ledger: Ledger, redis: redis.Redis, jobs: str) -> None:
        self.client, self.ledger, self._redis, self.jobs_stream = client, ledger, redis, jobs

    def post(self, body: Any = None, *, key: str | None = None, **headers: str) -> Response:
        headers |= {"Idempotency-Key": key} if key is not None else {}
        return self.client.post("/jobs", json=body or {"date": DATE}, headers=headers)

    def entries(self) -> list[dict[bytes, bytes]]:
        """The entries of the jobs stream."""
        entries: Any = self._redis.xrange(self.jobs_stream)
        return [fields for _, fields in entries]

    def add_entry(self, fields: dict[Any, Any]) -> None:
        """Add an entry to the jobs stream."""
        self._redis.xadd(self.jobs_stream, fields)


@contextmanager
def serving(
    target: Engine, settings: RedisSettings, connector_url: str, **changed: Any
) -> Iterator[Api]:
    """The API with these servers."""
    with ExitStack() as until:
        extractor_settings = ExtractorSettings(
            port=0,
            target_url=SecretStr(target.url.render_as_string(hide_password=False)),
            connector_url=connector_url,
            **{**settings.model_dump(), **changed},
        )
        client = until.enter_context(closing(redis_client.connect(extractor_settings)))
        connector = until.enter_context(
            closing(SampleClient(extractor_settings, page_rows=1, deadline_s=30, attempts=1))
        )
        ledger = Ledger(target)
        app = create_app("extractor", "", extractor_settings, ready=ledger.check, router=router)
        app.state.ledger = ledger
        app.state.waits = JobWaits(client, StreamNames(extractor_settings.stream_prefix))
        app.state.events = JobEvents(target, app.state.waits)
        app.state.audit = AuditLog(target)
        app.state.intake = JobIntake(extractor_settings, ledger, client, connector)
        http = until.enter_context(TestClient(app, "http://localhost"))
        yield Api(http, ledger, client, f"{extractor_settings.stream_prefix}jobs")


def assert_problem(response: Response, status: int, *words: str) -> None:
    """The response is a problem with this status and these words."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem = response.json()
    assert (problem["status"], problem["type"]) == (status, "about:blank")
    assert [word for word in words if word not in json.dumps(problem)] == []
