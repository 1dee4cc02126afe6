"""Exports over a real connection: aborted if they fail, ended if the client disconnects."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from cli.embedded import ports
from services.dashboard.__main__ import build
from services.dashboard.exports import streaming_response
from services.dashboard.queries.target import Target
from shared import service
from shared.settings import RedisSettings
from tests.dashboard.dashboard_client import before_each_copy, load, settings
from tests.integration.loader import DAY, HOUR, batch, fetch, new_job, sliced, steady
from tests.polling import wait_until

FORMATS = ("json", "csv", "arrow", "parquet")
ONE_DAY = {"start": "2025-12-05"}
TIMEOUT_S = 120.0
_BACKENDS = """
    FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'minuano-dashboard'
"""


class Served(NamedTuple):
    """A client of a dashboard, and the engine with which the dashboard reads the target."""

    client: httpx.Client
    engine: Engine


@pytest.fixture
def served(target_url: str, target: Engine, redis_settings: RedisSettings) -> Iterator[Served]:
    """A dashboard served over HTTP, that exports a day in many chunks."""
    job = new_job(target, slices=24, spec=sliced(HOUR))
    load(target, *(batch(job, steady(7.1), start=DAY + n * HOUR) for n in range(24)))
    configured = settings(target_url, redis_settings, port=ports.free())
    stop = threading.Event()
    # capture_logs: a traceback of structlog, with all variables, takes ten seconds.
    with build(configured) as (app, deps), capture_logs():
        app.state.deps = replace(deps, target=Target(deps.target.engine, chunk_values=4))
        server = threading.Thread(target=service.run, args=(app, configured, stop))
        server.start()
        with httpx.Client(
            base_url=f"http://127.0.0.1:{configured.port}", trust_env=False, timeout=TIMEOUT_S
        ) as client:
            wait_until(lambda: _answers(client), what="the dashboard")
            yield Served(client, deps.target.engine)
        stop.set()
        server.join()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").is_success
    except httpx.TransportError:
        return False


def _export(client: httpx.Client, format_name: str = "csv") -> Any:
    return client.stream("GET", "/api/signals/data", params={**ONE_DAY, "format": format_name})


@pytest.mark.parametrize("format_name", FORMATS)
def test_if_the_target_fails_midway_the_client_sees_an_incomplete_response(
    served: Served, target: Engine, format_name: str
) -> None:
    def cut(copies: int) -> None:
        if copies == 3:
            fetch(target, f"SELECT pg_terminate_backend(pid) {_BACKENDS}")

    before_each_copy(served.engine, cut)
    with _export(served.client, format_name) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            answer.read()


def test_a_client_that_disconnects_ends_its_query_and_frees_its_slot(
    served: Served, target: Engine
) -> None:
    is_disconnected, waiting = threading.Event(), threading.Semaphore(0)

    def slow(copies: int) -> None:
        if copies == 3:
            waiting.release()
            is_disconnected.wait(TIMEOUT_S)

    before_each_copy(served.engine, slow)
    for _ in range(streaming_response.MAX_EXPORTS):
        with _export(served.client) as answer:
            chunks = answer.iter_raw()  # without this reference it would be closed at once
            assert next(chunks)
            assert waiting.acquire(timeout=TIMEOUT_S)
    is_disconnected.set()
    wait_until(
        lambda: streaming_response._slots._value == streaming_response.MAX_EXPORTS,
        what="free slots",
    )
    running = f"SELECT count(*) {_BACKENDS} AND state <> 'idle'"
    wait_until(lambda: fetch(target, running) == [(0,)], what="the end of the queries")
    with _export(served.client) as answer:
        assert len(answer.read().splitlines()) == 1 + 24 * 6 * 4
