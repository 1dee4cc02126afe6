"""The highest memory, stream sizes and connections during a load test."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from bench.harness import Harness
from bench.process_metrics import rss_mb

SAMPLE_EVERY_S = 0.1
STREAMS = ("jobs", "raw", "stats")
MB = 2**20
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'minuano-connector'"

Figures = dict[str, float]


def sizes(harness: Harness) -> Figures:
    """Current sizes: Redis (MB), each stream (entries and MB), each running service (MB), and the
    connections of the connector to the source.
    """
    figures = {c.name: rss_mb(c.pid) for c in harness.stack.services if c.pid and c.running}
    for name in STREAMS:
        figures[name] = harness.redis.xlen(f"minuano:{name}")
        figures[f"{name}_mb"] = (harness.redis.memory_usage(f"minuano:{name}") or 0) / MB
    figures["redis_mb"] = int(harness.redis.info("memory")["used_memory"]) / MB
    figures["connections"] = harness.in_target(CONNECTIONS)[0][0]
    return figures


@contextmanager
def repeating(action: Callable[[], object], every_s: float) -> Iterator[None]:
    """Call `action` in a thread during the block: at once, and then every `every_s` seconds."""
    stop = threading.Event()

    def repeat() -> None:
        action()
        while not stop.wait(every_s):
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def peaks(sampler: Callable[[], Mapping[str, float]]) -> Iterator[Figures]:
    """The largest value of each figure during the block."""
    highest: Figures = {}

    def sample() -> None:
        for name, value in sampler().items():
            highest[name] = max(value, highest.get(name, value))

    with repeating(sample, SAMPLE_EVERY_S):
        yield highest
