"""`python -m services.extractor`: jobs in, raw batches out. Run as many processes as needed."""

from shared.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below, which take a second

import threading
from collections.abc import Callable
from functools import partial

import redis
from sqlalchemy import Engine

from services.extractor.daily_prune import DailyPrune
from services.extractor.dead_letter_handler import DeadLetterHandler
from services.extractor.job_age import watch_oldest_job
from services.extractor.job_entries import JobEntries
from services.extractor.job_events import JobEvents
from services.extractor.job_handler import JobHandler
from services.extractor.job_intake import JobIntake
from services.extractor.routes import router
from services.extractor.sample_client import SampleClient
from services.extractor.settings import ExtractorSettings
from services.extractor.sweeper import Sweeper
from shared import service
from shared.environment import load_or_exit
from shared.http.app import create_app
from shared.ledger.audit_log import AuditLog
from shared.ledger.ledger import Ledger
from shared.ledger.open_jobs import OpenJobs
from shared.postgres import engines
from shared.streams import redis_client
from shared.streams.backoff import Heartbeat
from shared.streams.consumer import Consumer
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import StreamNames
from shared.streams.job_waits import JobWaits
from shared.streams.ownership import Ownership
from shared.streams.publisher import Publisher

PORT = 8001
LANES = 2
"""Lanes of jobs that a process works on at the same time: while one waits, the other one works."""
DEAD_LETTER_BATCH = 10  # each has a payload of up to 16 MB


def serve(settings: ExtractorSettings, stop: threading.Event) -> None:
    """Wait for Redis and the target, then serve HTTP and consume until `stop` is set."""
    client = redis_client.connect(settings)
    engine = _engine(settings)
    ledger, connector = Ledger(engine), _connector(settings)
    intake = JobIntake(settings, ledger, client, connector)

    streams = StreamNames(settings.stream_prefix)
    ownership = Ownership(client, streams, ledger.identity)
    servers: dict[str, Callable[[], object]] = {
        "MINUANO_REDIS_URL": partial(redis_client.check_at_start, client),
        "MINUANO_TARGET_URL": ledger.check,
        "MINUANO_STREAM_PREFIX": ownership.claim,
    }
    service.wait_for_dependencies(servers, stop, within_s=settings.start_timeout_s)
    jobs, dead_letters = _roles(streams)

    def lane() -> Consumer:
        heartbeat = Heartbeat()
        publisher = Publisher(client, settings, stop, heartbeat)
        handler = JobHandler(settings, ledger, connector, publisher, intake, heartbeat)
        return Consumer(jobs, handler, settings, stop, heartbeat)

    letters = Consumer(dead_letters, DeadLetterHandler(ledger), settings, stop)
    consumers = [*(lane() for _ in range(LANES)), letters]
    entries = JobEntries(client, streams, group=dead_letters.group)
    sweeper = Sweeper(settings, ledger, OpenJobs(engine), entries, intake, stop)
    prune = DailyPrune(settings, engine, client, stop)
    ready, waits = partial(_check, client, streams, ledger, connector), JobWaits(client, streams)
    app = create_app("extractor", __doc__ or "", settings, ready=ready, router=router)
    app.state.intake, app.state.ledger, app.state.waits = intake, ledger, waits
    app.state.events, app.state.audit = JobEvents(engine, waits), AuditLog(engine)
    service.run(
        app, settings, stop,
        [*(c.run for c in consumers), sweeper.run, prune.run, partial(ownership.run, stop)],
        release=[consumer.release for consumer in consumers],
    )  # fmt: skip
    connector.close()
    engine.dispose()


def _check(
    client: redis.Redis, streams: StreamNames, ledger: Ledger, connector: SampleClient
) -> None:
    redis_client.check(client, streams)
    ledger.check()
    connector.check()


def _engine(settings: ExtractorSettings) -> Engine:
    engine = engines.connect(
        settings.target_url.get_secret_value(),
        application="extractor",
        transaction_limit_s=settings.lease_s,
    )
    watch_oldest_job(engine)
    return engine


def _connector(settings: ExtractorSettings) -> SampleClient:
    return SampleClient(
        settings,
        page_rows=settings.page_rows,
        deadline_s=settings.page_deadline_s,
        attempts=settings.page_attempts,
    )


def _roles(streams: StreamNames) -> tuple[ConsumerRole, ConsumerRole]:
    """The jobs, and the dead letters of all stages, which stay on their stream."""
    return (
        ConsumerRole(stage="extractor", stream=streams.jobs, group="extractor"),
        ConsumerRole(
            stage="extractor", stream=streams.dead, group="extractor",
            batch_size=DEAD_LETTER_BATCH, retain=True,
        ),
    )  # fmt: skip


def main() -> None:
    settings = load_or_exit(ExtractorSettings, port=PORT)
    service.main("extractor", settings, partial(serve, settings))


if __name__ == "__main__":
    main()
