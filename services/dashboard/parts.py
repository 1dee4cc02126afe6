"""What the endpoints share, put together once at start."""

from dataclasses import dataclass
from typing import Annotated

import redis
from fastapi import Depends, Request

from services.dashboard.history import History
from services.dashboard.live import Live
from services.dashboard.offered import Offered
from services.dashboard.rendering import Rendering
from services.dashboard.session import Sessions
from services.dashboard.settings import DashboardSettings
from services.dashboard.target import Target
from shared.clients.connector import Connector
from shared.clients.extractor import Extractor
from shared.entries import Streams
from shared.graveyard import Graveyard


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
