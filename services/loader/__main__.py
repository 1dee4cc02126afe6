"""`python -m services.loader`: loads stats batches into the target. Run as many as needed."""

from shared.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below, which take a second

import threading
from collections.abc import Callable
from functools import partial

from services.loader.handler import BatchHandler
from services.loader.settings import LoaderSettings
from shared import service
from shared.domain.batches import StatsBatch
from shared.environment import load_or_exit
from shared.http.app import create_app
from shared.ledger.ledger import Ledger
from shared.postgres import engines
from shared.streams import redis_client
from shared.streams.consumer import Consumer
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import StreamNames
from shared.streams.ownership import Ownership

PORT = 9102
LOCK_TIMEOUT_S = 5.0
"""The wait for a lock on a table or on a new signal, before the loader says what it waits for."""
BATCH_SIZE = 16
CONSUMERS = 2
"""Consumers in one process: one decodes and encodes while the server works for the other."""


def role(streams: StreamNames) -> ConsumerRole:
    """Reads stats batches, many at once under load."""
    return ConsumerRole(
        stage="loader",
        stream=streams.stats,
        group="loader",
        batch_size=BATCH_SIZE,
        halves=StatsBatch.halves,
    )


def serve(settings: LoaderSettings, stop: threading.Event) -> None:
    """Wait for Redis and the target, then consume until `stop` is set."""
    client = redis_client.connect(settings)
    engine = engines.connect(
        settings.target_url.get_secret_value(), application="loader",
        lock_timeout_s=LOCK_TIMEOUT_S,
        transaction_limit_s=settings.lease_s,
    )  # fmt: skip
    ledger = Ledger(engine)

    streams = StreamNames(settings.stream_prefix)

    def ready() -> None:
        redis_client.check(client, streams)
        ledger.check()

    ownership = Ownership(client, streams, ledger.identity)
    servers: dict[str, Callable[[], object]] = {
        "MINUANO_REDIS_URL": partial(redis_client.check_at_start, client),
        "MINUANO_TARGET_URL": ledger.check,
        "MINUANO_STREAM_PREFIX": ownership.claim,
    }
    service.wait_for_dependencies(servers, stop, within_s=settings.start_timeout_s)
    loader = BatchHandler(
        engine, signal_name=settings.signal_name, units=settings.units,
        values_per_transaction=settings.values_per_transaction,
        slices_per_transaction=settings.slices_per_transaction,
    )  # fmt: skip
    consumers = [Consumer(role(streams), loader, settings, stop) for _ in range(CONSUMERS)]
    app = create_app("loader", __doc__ or "", settings, ready=ready)
    service.run(
        app,
        settings,
        stop,
        [*(consumer.run for consumer in consumers), partial(ownership.run, stop)],
        release=[consumer.release for consumer in consumers],
    )
    engine.dispose()


def main() -> None:
    settings = load_or_exit(LoaderSettings, port=PORT)
    service.main("loader", settings, partial(serve, settings))


if __name__ == "__main__":
    main()
