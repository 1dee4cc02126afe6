"""The dependencies of the endpoints, built once at start-up."""

from dataclasses import dataclass
from typing import Annotated

import redis
from fastapi import Depends, Request

from services.dashboard.jobs.source_catalog import SourceOverview
from services.dashboard.monitoring.pipeline_sampler import PipelineSampler
from services.dashboard.queries.target import Target
from services.dashboard.settings import DashboardSettings
from services.dashboard.web.ended_sessions import EndedSessions
from services.dashboard.web.server_sent_events import EventStreams
from services.dashboard.web.sessions import Sessions
from services.dashboard.web.templates import Templates
from shared.clients.connector import ConnectorClient
from shared.clients.extractor import ExtractorClient
from shared.ledger.dead_letter_actions import DeadLetterActions
from shared.ledger.ledger import Ledger
from shared.streams.entries import StreamNames
from shared.streams.job_waits import JobWaits


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the endpoints use."""

    settings: DashboardSettings
    target: Target
    redis: redis.Redis
    streams: StreamNames
    connector: ConnectorClient
    extractor: ExtractorClient
    sessions: Sessions
    ended_sessions: EndedSessions
    templates: Templates
    sampler: PipelineSampler
    ledger: Ledger
    dead_letter_actions: DeadLetterActions
    source_catalog: SourceOverview
    event_streams: EventStreams
    waits: JobWaits


async def _dependencies(request: Request) -> Dependencies:
    deps: Dependencies = request.app.state.deps
    return deps


Deps = Annotated[Dependencies, Depends(_dependencies)]
