"""`python -m services.dashboard`: the read API over the results, and the pages."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from fastapi import FastAPI

from services.dashboard.app import create
from services.dashboard.dependencies import Parts
from services.dashboard.jobs.source_catalog import Offered
from services.dashboard.monitoring.pipeline_sampler import History
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings
from services.dashboard.web.server_sent_events import Live
from services.dashboard.web.sessions import Sessions
from services.dashboard.web.templates import Rendering
from shared import service
from shared.clients.connector import Connector
from shared.clients.extractor import Extractor
from shared.ledger.audit_log import Audit
from shared.ledger.dead_letter_actions import Graveyard
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from shared.settings import load_or_exit
from shared.streams import redis_client
from shared.streams.dead_letters import DeadLetters
from shared.streams.entries import Streams

PORT = 8080


@contextmanager
def assembled(settings: DashboardSettings) -> Iterator[tuple[FastAPI, Parts]]:
    """The app and its parts; nothing connects by itself. Connections are closed at the end."""
    engine = engines.connect(
        settings.target_url.get_secret_value(),
        application="dashboard",
        pool_size=settings.target_connections,
    )
    sessions = Sessions(settings.api_key, hours=settings.session_hours)
    target, client, streams = (
        Target(engine),
        redis_client.connect(settings),
        Streams(settings.stream_prefix),
    )
    connector, extractor = Connector(settings), Extractor(settings)
    history = History(client, streams, target, connector, extractor)
    offered = Offered(settings, target, history)
    parts = Parts(
        settings=settings,
        target=target,
        redis=client,
        streams=streams,
        connector=connector,
        extractor=extractor,
        sessions=sessions,
        rendering=Rendering(sessions, settings.source_timezone),
        history=history,
        graveyard=Graveyard(DeadLetters(client, streams), Ledger(engine), Audit(engine)),
        offered=offered,
        live=Live(),
    )
    try:
        yield create(parts), parts
    finally:
        offered.close()
        connector.close()
        extractor.close()
        client.close()
        engine.dispose()


def serve(settings: DashboardSettings, stop: threading.Event) -> None:
    """Wait for the target, then serve until asked to stop. Redis may come later."""
    with assembled(settings) as (app, parts):
        service.reach(
            "MINUANO_TARGET_URL", parts.target.check, stop, within_s=settings.start_timeout_s
        )
        service.run(app, settings, stop, [partial(parts.history.run, stop)])


if __name__ == "__main__":
    found = load_or_exit(DashboardSettings, port=PORT)
    service.main("dashboard", found, partial(serve, found))
