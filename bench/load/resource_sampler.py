"""The highest that memory, streams and connections get while something is done."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from bench.harness import Harness

LOOK_EVERY_S = 0.1
STREAMS = ("jobs", "raw", "stats")
MB = 2**20
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'minuano-connector'"

Figures = dict[str, float]


def rss_mb(pid: int) -> float:
    """What a process has in memory now."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def look(rig: Harness) -> Figures:
    """Sizes now: of Redis, of each stream (entries and bytes), of each service that runs."""
    found = {"redis_mb": int(rig.redis.info("memory")["used_memory"]) / MB}
    for name in STREAMS:
        found[name] = rig.redis.xlen(f"minuano:{name}")
        found[f"{name}_mb"] = (rig.redis.memory_usage(f"minuano:{name}") or 0) / MB
    return found | memory(rig)


def memory(rig: Harness) -> Figures:
    """MB in memory of each service that runs."""
    return {c.name: rss_mb(c.pid) for c in rig.stack.services if c.pid and c.running}


@contextmanager
def peaks(*looks: Callable[[], Mapping[str, float]]) -> Iterator[Figures]:
    """The largest of each figure, from now until the end of the block."""
    highest: Figures = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_EVERY_S):
            for each in looks:
                for name, value in each().items():
                    highest[name] = max(value, highest.get(name, value))

    thread = threading.Thread(target=watch, name="watch")
    thread.start()
    try:
        yield highest
    finally:
        over.set()
        thread.join()


@contextmanager
def sessions(rig: Harness) -> Iterator[Callable[[], Figures]]:
    """A look at how many connections the connector has to the source."""
    with closing(psycopg2.connect(rig.stack.postgres.url("source"))) as connection:
        connection.autocommit = True

        def count() -> Figures:
            with connection.cursor() as cursor:
                cursor.execute(SESSIONS)
                return {"sessions": float(cursor.fetchall()[0][0])}

        yield count
