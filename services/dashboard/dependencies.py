"""What the endpoints share, put together once at start."""

from dataclasses import dataclass
from typing import Annotated

import redis
from fastapi import Depends, Request

from services.dashboard.jobs.source_catalog import Offered
from services.dashboard.monitoring.pipeline_sampler import History
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings
from services.dashboard.web.server_sent_events import Live
from services.dashboard.web.sessions import Sessions
from services.dashboard.web.templates import Rendering
from shared.clients.connector import Connector
from shared.clients.extractor import Extractor
from shared.ledger.dead_letter_actions import Graveyard
from shared.streams.entries import Streams


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that an endpoint may need."""

    settings: DashboardSettings
    target: Target
    redis: redis.Redis
    streams: Streams
    connector: Connector
    extractor: Extractor
    sessions: Sessions
    rendering: Rendering
    history: History
    graveyard: Graveyard
    offered: Offered
    live: Live


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Here = Annotated[Parts, Depends(_parts)]
