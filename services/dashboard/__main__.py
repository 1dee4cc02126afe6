"""`python -m services.dashboard`: the pages and the API over the results."""

from shared.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below, which take a second

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from fastapi import FastAPI

from services.dashboard.app import create
from services.dashboard.dependencies import Dependencies
from services.dashboard.jobs.source_catalog import SourceOverview
from services.dashboard.monitoring.pipeline_sampler import PipelineSampler
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings
from services.dashboard.web.ended_sessions import EndedSessions
from services.dashboard.web.server_sent_events import EventStreams
from services.dashboard.web.sessions import Sessions
from services.dashboard.web.templates import Templates
from shared import service
from shared.clients.connector import ConnectorClient
from shared.clients.extractor import ExtractorClient
from shared.environment import load_or_exit
from shared.ledger.audit_log import AuditLog
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from shared.streams import redis_client
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import StreamNames
from shared.streams.job_waits import JobWaits

PORT = 8080


@contextmanager
def build(settings: DashboardSettings) -> Iterator[tuple[FastAPI, Dependencies]]:
    """The app and its dependencies, not connected yet; connections are closed at the end."""
    url = settings.target_url.get_secret_value()
    engine = engines.connect(url, application="dashboard")
    sessions = Sessions(settings.api_key, hours=settings.session_hours)
    target = Target.connect(url, connections=settings.target_connections)
    ledger = Ledger(engine)
    redis, streams = redis_client.connect(settings), StreamNames(settings.stream_prefix)
    connector, extractor = ConnectorClient(settings), ExtractorClient(settings)
    sampler = PipelineSampler(redis, streams, target, connector, extractor)
    source_catalog = SourceOverview(settings, target, sampler)
    deps = Dependencies(
        settings=settings,
        target=target,
        redis=redis,
        streams=streams,
        connector=connector,
        extractor=extractor,
        sessions=sessions,
        ended_sessions=EndedSessions(engine, sessions),
        templates=Templates(sessions, settings.source_timezone),
        sampler=sampler,
        ledger=ledger,
        dead_letter_actions=DeadLetterActions(
            DeadLetters(redis, streams), ledger, AuditLog(engine)
        ),
        source_catalog=source_catalog,
        event_streams=EventStreams(),
        waits=JobWaits(redis, streams),
    )
    try:
        yield create(deps), deps
    finally:
        source_catalog.close()
        connector.close()
        extractor.close()
        redis.close()
        engine.dispose()
        target.engine.dispose()


def serve(settings: DashboardSettings, stop: threading.Event) -> None:
    """Wait for the target, then serve until `stop` is set. Redis may be unavailable at first."""
    with build(settings) as (app, deps):
        service.wait_for_dependency(
            "MINUANO_TARGET_URL", deps.target.check, stop, within_s=settings.start_timeout_s
        )
        service.wait_for_dependency(
            "MINUANO_TARGET_URL", deps.ended_sessions.refresh, stop,
            within_s=settings.start_timeout_s,
        )  # fmt: skip
        workers = [partial(deps.sampler.run, stop), partial(deps.ended_sessions.run, stop)]
        service.run(app, settings, stop, workers)


if __name__ == "__main__":
    settings = load_or_exit(DashboardSettings, port=PORT)
    service.main("dashboard", settings, partial(serve, settings))
