"""Clients of the system that a command connects to."""

import redis
from sqlalchemy import Engine

from cli import context
from shared.clients.extractor import ExtractorClient
from shared.clients.settings import ExtractorClientSettings
from shared.domain.actor import Actor
from shared.ledger.audit_log import current_user
from shared.postgres import engines
from shared.settings import RedisSettings, TargetSettings
from shared.streams import redis_client
from shared.streams.entries import StreamNames


def extractor() -> ExtractorClient:
    """The extractor, which accepts and changes jobs."""
    return ExtractorClient(context.load(ExtractorClientSettings))


def actor() -> Actor:
    """The user of this command, for the audit log."""
    return Actor("cli", current_user())


def streams() -> tuple[redis.Redis, StreamNames]:
    """Redis, and the names of the streams."""
    settings = context.load(RedisSettings)
    return redis_client.connect(settings), StreamNames(settings.stream_prefix)


def target(application: str) -> Engine:
    """The target database; `application` names the command in PostgreSQL's list of sessions."""
    url = context.load(TargetSettings).target_url.get_secret_value()
    return engines.connect(url, application=application)
