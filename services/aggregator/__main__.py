"""`python -m services.aggregator`: raw batches in, stats batches out. Run as many as needed."""

from shared.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below, which take a second

import threading
from functools import partial

from services.aggregator.handler import handle
from services.aggregator.settings import AggregatorSettings
from shared import service
from shared.domain.batches import RawBatch
from shared.environment import load_or_exit
from shared.http.app import create_app
from shared.streams import redis_client
from shared.streams.consumer import Consumer
from shared.streams.consumer_role import ConsumerRole
from shared.streams.entries import StreamNames

PORT = 9101
BATCH_SIZE = 2
CONSUMERS = 2
"""Consumers in one process: one computes while the other waits for Redis."""


def role(streams: StreamNames) -> ConsumerRole:
    """Reads raw batches while the stream of stats batches has room."""
    return ConsumerRole(
        stage="aggregator",
        stream=streams.raw,
        group="aggregator",
        batch_size=BATCH_SIZE,
        downstream=streams.stats,
        halves=RawBatch.halves,
    )


def serve(settings: AggregatorSettings, stop: threading.Event) -> None:
    """Wait for Redis, then consume until `stop` is set."""
    client = redis_client.connect(settings)
    streams = StreamNames(settings.stream_prefix)
    service.wait_for_dependency(
        "MINUANO_REDIS_URL", partial(redis_client.check_at_start, client), stop,
        within_s=settings.start_timeout_s,
    )  # fmt: skip
    handler = partial(handle, stats_stream=streams.stats)
    consumers = [Consumer(role(streams), handler, settings, stop) for _ in range(CONSUMERS)]
    ready = partial(redis_client.check, client, streams)
    app = create_app("aggregator", __doc__ or "", settings, ready=ready)
    service.run(
        app,
        settings,
        stop,
        [consumer.run for consumer in consumers],
        release=[consumer.release for consumer in consumers],
    )


def main() -> None:
    settings = load_or_exit(AggregatorSettings, port=PORT)
    service.main("aggregator", settings, partial(serve, settings))


if __name__ == "__main__":
    main()
