"""`python -m services.extractor`: jobs in, raw batches out. Run as many as needed."""

import threading
from functools import partial

from services.extractor.api import router
from services.extractor.connector import Connector
from services.extractor.deaths import Deaths
from services.extractor.extraction import Extraction
from services.extractor.intake import Intake
from services.extractor.settings import ExtractorSettings
from services.extractor.sweeper import Sweeper
from shared import database, http, logs, service, transport
from shared.entries import Streams
from shared.ledger import Ledger
from shared.publishing import Publisher
from shared.settings import load_or_exit
from shared.stream import Consumer, Role
from shared.waiting import Heartbeat

PORT = 8001
DEATHS_AT_ONCE = 100

log = logs.get(__name__)


def serve(settings: ExtractorSettings, stop: threading.Event) -> None:
    """Wait for Redis and the target, then serve HTTP and consume until asked to stop."""
    client = transport.connect(settings)
    engine = database.connect(settings.target_url.get_secret_value(), application="extractor")
    ledger = Ledger(engine)
    connector = Connector(
        str(settings.connector_url),
        settings.api_key,
        page_rows=settings.page_rows,
        deadline_s=settings.page_deadline_s,
        attempts=settings.page_attempts,
    )
    intake = Intake(settings, ledger, client, connector)

    def ready() -> None:
        transport.check(client)
        ledger.check()
        connector.check()

    warning = service.reach(
        "MINUANO_REDIS_URL", partial(transport.require_no_eviction, client), stop
    )
    if warning:
        log.warning("redis.durability", warning=warning)
    service.reach("MINUANO_TARGET_URL", ledger.check, stop)

    streams, heartbeat = Streams(settings.stream_prefix), Heartbeat()
    extraction = Extraction(
        settings,
        ledger,
        connector,
        Publisher(client, settings, stop, heartbeat),
        intake,
        heartbeat,
    )
    jobs = Role(stage="extractor", stream=streams.jobs, group="extractor")
    dead = Role(
        stage="extractor", stream=streams.dead, group="extractor",
        at_once=DEATHS_AT_ONCE, keep=True,
    )  # fmt: skip
    workers = [
        Consumer(jobs, extraction, settings, stop, heartbeat).run,
        Consumer(dead, Deaths(ledger), settings, stop).run,
        Sweeper(settings, ledger, client, intake, stop).run,
    ]
    app = http.create_app("extractor", __doc__ or "", settings, ready=ready, router=router)
    app.state.intake, app.state.ledger = intake, ledger
    service.run(app, settings, stop, workers)
    connector.close()
    engine.dispose()


def main() -> None:
    settings = load_or_exit(ExtractorSettings, port=PORT)
    service.main("extractor", settings, partial(serve, settings))


if __name__ == "__main__":
    main()
