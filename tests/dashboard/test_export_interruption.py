"""Long answers over a real connection: broken off where they fail, ended where nobody reads on."""

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

FORMS = ("json", "csv", "arrow", "parquet")
WHOLE = {"start": "2025-12-05"}
GIVE_UP_S = 120.0
_OURS = """
    FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'minuano-dashboard'
"""


class Served(NamedTuple):
    """A client of a dashboard, and how that reads its target."""

    client: httpx.Client
    engine: Engine


@pytest.fixture
def served(target_url: str, target: Engine, redis_settings: RedisSettings) -> Iterator[Served]:
    """A dashboard that is served, over a day in many parts."""
    job = new_job(target, slices=24, spec=sliced(HOUR))
    load(target, *(batch(job, steady(7.1), start=DAY + n * HOUR) for n in range(24)))
    chosen = settings(target_url, redis_settings, port=ports.free())
    stop = threading.Event()
    # A traceback as structlog draws it by itself, with all variables, takes ten seconds.
    with build(chosen) as (app, parts), capture_logs():
        app.state.deps = replace(parts, target=Target(parts.target.engine, values_at_once=4))
        work = threading.Thread(target=service.run, args=(app, chosen, stop))
        work.start()
        with httpx.Client(
            base_url=f"http://127.0.0.1:{chosen.port}", trust_env=False, timeout=GIVE_UP_S
        ) as client:
            wait_until(lambda: _answers(client), what="the dashboard")
            yield Served(client, parts.target.engine)
        stop.set()
        work.join()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").is_success
    except httpx.TransportError:
        return False


def _long(client: httpx.Client, form: str = "csv") -> Any:
    return client.stream("GET", "/api/signals/data", params={**WHOLE, "format": form})


@pytest.mark.parametrize("form", FORMS)
def test_when_the_target_goes_away_within_it_no_reader_takes_a_part_for_the_whole(
    served: Served, target: Engine, form: str
) -> None:
    def cut(copies: int) -> None:
        if copies == 3:
            fetch(target, f"SELECT pg_terminate_backend(pid) {_OURS}")

    before_each_copy(served.engine, cut)
    with _long(served.client, form) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            answer.read()


def test_whoever_goes_away_leaves_neither_a_query_nor_a_place_taken(
    served: Served, target: Engine
) -> None:
    is_gone, waits = threading.Event(), threading.Semaphore(0)

    def slow(copies: int) -> None:
        if copies == 3:
            waits.release()
            is_gone.wait(GIVE_UP_S)

    before_each_copy(served.engine, slow)
    for _ in range(streaming_response.MAX_EXPORTS):
        with _long(served.client) as answer:
            pieces = answer.iter_raw()  # kept: what is not is closed at once
            assert next(pieces)
            assert waits.acquire(timeout=GIVE_UP_S)
    is_gone.set()
    wait_until(
        lambda: streaming_response._room._value == streaming_response.MAX_EXPORTS,
        what="free places",
    )
    within = f"SELECT count(*) {_OURS} AND state <> 'idle'"
    wait_until(lambda: fetch(target, within) == [(0,)], what="the end of the queries")
    with _long(served.client) as answer:
        assert len(answer.read().splitlines()) == 1 + 24 * 6 * 4
