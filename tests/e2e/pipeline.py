"""The whole pipeline as processes of its own, and what a test may do to it."""

import os
import random
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import redis
from psycopg2.extras import execute_values

from cli.embedded.child_process import Child
from cli.embedded.stack import Stack
from cli.embedded.stack_state import StackState
from shared.streams.entries import StreamNames
from tests.polling import wait_until
from tests.prepared_cluster import FAST, copy_prepared_cluster

QUICK = {
    "MINUANO_READ_BLOCK_S": "0.2",
    "MINUANO_LEASE_S": "20",
    "MINUANO_SWEEP_INTERVAL_S": "0.5",
    "MINUANO_STALLED_AFTER_S": "10",
}
WITHIN_S = 60.0
LONG_AGO_MS = 3_600_000
ENDED = ("done", "failed", "cancelled")
GROUPS = {"jobs": "extractor", "raw": "aggregator", "stats": "loader"}

Row = tuple[Any, ...]
Entry = tuple[bytes, dict[Any, Any]]


class Pipeline:
    """A running stack: the source can be filled, jobs asked for, deliveries disturbed."""

    def __init__(self, stack: Stack, source: Any, target: Any, http: httpx.Client) -> None:
        self.addresses: StackState = stack.state
        self.logs = stack.logs
        self._stack, self._source, self._target, self.http = stack, source, target, http
        self.redis = redis.Redis.from_url(stack.state.redis_url)
        self.streams = StreamNames("minuano:")

    @property
    def pids(self) -> dict[str, int]:
        """The process of each service, by its name."""
        return {child.name: _pid(child) for child in self._stack.services}

    # -- databases

    def in_source(self, statement: str, values: Any = None) -> list[Row]:
        """Run a statement in the source; return its rows."""
        return _run(self._source, statement, values)

    def in_target(self, statement: str, values: Any = None) -> list[Row]:
        """Run a statement in the target; return its rows."""
        return _run(self._target, statement, values)

    def fill(self, rows: Sequence[Row]) -> None:
        """Make these rows all that the source holds."""
        self.in_source("TRUNCATE data")
        with self._source.cursor() as cursor:
            execute_values(cursor, "INSERT INTO data VALUES %s", rows, page_size=1_000)

    def empty(self) -> None:
        """Forget all samples, windows and flags; jobs and signals stay."""
        self.in_source("TRUNCATE data")
        self.in_target("TRUNCATE data, quality")

    def written(self) -> tuple[list[Row], list[Row]]:
        """The physical versions of all rows in the target: they tell whether it was touched."""
        versions = "SELECT ctid::text, xmin::text FROM {} ORDER BY 1"
        data, quality = (self.in_target(versions.format(name)) for name in ("data", "quality"))
        return data, quality

    # -- jobs

    def post(self, *, key: str | None = None, **body: Any) -> httpx.Response:
        """Ask for a job over HTTP."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post("/jobs", json=body, headers=headers)

    def post_job(self, **body: Any) -> int:
        """Ask for a job and return its number."""
        answer = self.post(**body)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["id"])

    def job(self, id: int) -> dict[str, Any]:
        """The job as the API shows it."""
        answer = self.http.get(f"/jobs/{id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait_until_ended(self, id: int) -> dict[str, Any]:
        """The job when it has ended, in whatever state."""
        wait_until(lambda: self.job(id)["state"] in ENDED, what=f"the end of job {id}")
        return self.job(id)

    def wait_until_done(self, id: int) -> dict[str, Any]:
        """The job when it is done and the streams are empty."""
        job = self.wait_until_ended(id)
        assert job["state"] == "done", job
        self.settle()
        return job

    def run(self, **body: Any) -> dict[str, Any]:
        """Ask for a job and wait until it is done."""
        return self.wait_until_done(self.post_job(**body))

    # -- deliveries

    def settle(self) -> None:
        """Return when no stream has an entry and nothing is pending."""
        wait_until(lambda: not self.left_over(), what="empty streams")

    def left_over(self) -> list[str]:
        """The streams that still have work."""
        return [
            name
            for name, group in GROUPS.items()
            if self.redis.xlen(f"minuano:{name}")
            or any(g["pending"] for g in self._groups(name) if g["name"] == group.encode())
        ]

    def _groups(self, name: str) -> Any:
        return self.redis.xinfo_groups(f"minuano:{name}")

    @contextmanager
    def paused(self, service: str) -> Iterator[None]:
        """Stop all processes of a service while no entry is pending; let them go on afterwards."""
        children = [c for c in self._stack.services if c.name.startswith(f"{service}-")]
        assert children
        try:
            for child in children:
                _pause(child)
            self._end_blocked_reads()
            yield
        finally:
            for child in children:
                os.kill(_pid(child), signal.SIGCONT)

    def _end_blocked_reads(self) -> None:
        """Redis would go on to deliver to a process that was stopped while it waited."""
        for client in self.redis.client_list():
            if "b" in client["flags"]:
                self.redis.client_unblock(int(client["id"]))

    def kill(self, name: str) -> None:
        """Kill a service's process, such as `aggregator-1`, and start it again."""
        child = self._stack.service(name)
        os.kill(_pid(child), signal.SIGKILL)
        wait_until(lambda: not child.running, what=f"the end of {name}")
        child.start()

    def wait_for_backlog(self, stream: str, count: int) -> list[Entry]:
        """The entries of a stream as soon as it has so many."""
        wait_until(lambda: self._holds(stream, count), what=f"{count} entries in {stream}")
        entries: Any = self.redis.xrange(stream)
        return list(entries)

    def _holds(self, stream: str, count: int) -> bool:
        return int(self.redis.xlen(stream)) >= count

    def deliver(self, stream: str, count: int) -> None:
        """Deliver entries to a process that is held and has worked before; the lease is over."""
        group = _group(stream)
        consumers: Any = self.redis.xinfo_consumers(stream, group)
        name = min(consumers, key=lambda consumer: consumer["idle"])["name"]
        answer: Any = self.redis.xreadgroup(group, name, {stream: ">"}, count=count)
        ids = [id for id, _ in answer[0][1]]
        self.redis.xclaim(stream, group, name, 0, ids, idle=LONG_AGO_MS, justid=True)

    def take(self, stream: str, entries: Sequence[Entry]) -> None:
        """Acknowledge and delete entries, so that they are pending nowhere."""
        group = _group(stream)
        ids = [id for id, _ in entries]
        pipe = self.redis.pipeline(transaction=True)
        pipe.xack(stream, group, *ids)
        pipe.xdel(stream, *ids)
        pipe.execute()

    def add(self, stream: str, entries: Sequence[Entry]) -> None:
        """Put entries on a stream."""
        pipe = self.redis.pipeline(transaction=True)
        for _, fields in entries:
            pipe.xadd(stream, fields)
        pipe.execute()

    def shuffle_and_double(self, stream: str, count: int, seed: int) -> None:
        """Deliver the `count` entries of a stream twice, in another order."""
        entries = self.wait_for_backlog(stream, count)
        self.take(stream, entries)
        again = [*entries, *entries]
        random.Random(seed).shuffle(again)
        self.add(stream, again)

    def dead_letter_of(self, entry_id: bytes) -> dict[bytes, bytes]:
        """The dead letter that an entry became."""
        return dict(wait_until(lambda: self._dead(entry_id), what=f"the end of entry {entry_id!r}"))

    def _dead(self, entry_id: bytes) -> dict[bytes, bytes] | None:
        letters: Any = self.redis.xrange(self.streams.dead)
        return next((f for _, f in letters if f[b"dead_id"] == entry_id), None)


@contextmanager
def running(
    *,
    settings: dict[str, str] | None = None,
    assets: bool = False,
    aggregators: int = 2,
    loaders: int = 1,
    extractors: int = 1,
    dashboard: bool = False,
) -> Iterator[Pipeline]:
    """A stack of one's own over an empty source, ended with the block."""
    with ExitStack() as until:
        folder = Path(until.enter_context(tempfile.TemporaryDirectory(prefix="minuano-e2e-")))
        folder.chmod(0o755)
        copy_prepared_cluster(folder / "postgres")
        stack = Stack(folder, settings={**QUICK, **(settings or {})}, server_settings=FAST)
        until.callback(stack.stop)
        addresses = stack.start_servers()
        source = until.enter_context(_connected(addresses.owner_source_url))
        target = until.enter_context(_connected(addresses.owner_target_url))
        _run(source, _table(assets=assets))
        stack.start_services(
            aggregators=aggregators, loaders=loaders, extractors=extractors, dashboard=dashboard
        )
        http = until.enter_context(httpx.Client(base_url=addresses.extractor_url, timeout=60))
        pipeline = Pipeline(stack, source, target, http)
        until.callback(pipeline.redis.close)
        yield pipeline


def at(text: str) -> datetime:
    """An instant, written in ISO 8601 with an offset."""
    return datetime.fromisoformat(text)


def _table(*, assets: bool) -> str:
    asset, key = ("asset text,", "asset, ") if assets else ("", "")
    return (
        f"CREATE TABLE data ({asset} timestamp timestamptz, wind_speed double precision, "
        f"power double precision, ambient_temperature double precision, "
        f"PRIMARY KEY ({key}timestamp))"
    )


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    with closing(psycopg2.connect(url, options="-c timezone=UTC")) as connection:
        connection.autocommit = True
        yield connection


def _run(connection: Any, statement: str, values: Any = None) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


def _pid(child: Child) -> int:
    assert child.pid is not None
    return child.pid


def _group(stream: str) -> str:
    """The consumer group of a stream such as `minuano:raw`."""
    return GROUPS[stream.rsplit(":", 1)[1]]


def _pause(child: Child) -> None:
    """SIGSTOP, and wait until it has stopped: a signal is not delivered at once."""
    os.kill(_pid(child), signal.SIGSTOP)
    stat = Path(f"/proc/{child.pid}/stat")
    wait_until(lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T", what="SIGSTOP")
