"""Start the whole pipeline as separate processes; a test can then disturb them."""

import json
import os
import random
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import redis

from cli.embedded.child_process import Child
from cli.embedded.stack import Stack
from cli.embedded.stack_state import StackState
from shared.domain.job import END_STATES
from shared.streams.entries import StreamNames
from tests.e2e.sql import Row, connected, create_source_table, execute, insert_samples
from tests.polling import wait_until
from tests.prepared_cluster import NO_FSYNC, copy_prepared_cluster

FAST_SETTINGS = {
    "MINUANO_READ_BLOCK_S": "0.2",
    "MINUANO_LEASE_S": "20",
    "MINUANO_SWEEP_INTERVAL_S": "0.5",
    "MINUANO_STALLED_AFTER_S": "10",
}
LONG_AGO_MS = 3_600_000
GROUPS = {"jobs": "extractor", "raw": "aggregator", "stats": "loader"}

Entry = tuple[bytes, dict[Any, Any]]


class Pipeline:
    """A running stack. Tests fill its source, request jobs and disturb deliveries."""

    def __init__(self, stack: Stack, source: Any, target: Any, http: httpx.Client) -> None:
        self.addresses: StackState = stack.state
        self.logs = stack.logs
        self._stack, self._source, self._target, self.http = stack, source, target, http
        self.redis = redis.Redis.from_url(stack.state.redis_url)
        self.streams = StreamNames("minuano:")

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each service process, by its name."""
        return {child.name: _pid(child) for child in self._stack.services}

    # -- databases

    def in_source(self, statement: str, values: Any = None) -> list[Row]:
        """Run a statement in the source; return its rows."""
        return execute(self._source, statement, values)

    def in_target(self, statement: str, values: Any = None) -> list[Row]:
        """Run a statement in the target; return its rows."""
        return execute(self._target, statement, values)

    def fill_source(self, rows: Sequence[Row]) -> None:
        """Replace all rows of the source by these."""
        self.in_source("TRUNCATE data")
        insert_samples(self._source, rows)

    def truncate(self) -> None:
        """Delete all samples, values and quality rows; keep jobs and signals."""
        self.in_source("TRUNCATE data")
        self.in_target("TRUNCATE data, quality")

    def row_versions(self) -> tuple[list[Row], list[Row]]:
        """The physical versions of all rows in the target. They change when a row is written."""
        versions = "SELECT ctid::text, xmin::text FROM {} ORDER BY 1"
        data, quality = (self.in_target(versions.format(name)) for name in ("data", "quality"))
        return data, quality

    # -- jobs

    def post(self, *, key: str | None = None, **body: Any) -> httpx.Response:
        """Send POST /jobs."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post("/jobs", json=body, headers=headers)

    def post_job(self, **body: Any) -> int:
        """Send POST /jobs and return the id of the accepted job."""
        response = self.post(**body)
        assert response.status_code == 202, response.text
        return int(response.json()["id"])

    def job(self, id: int) -> dict[str, Any]:
        """The job as GET /jobs/{id} returns it."""
        response = self.http.get(f"/jobs/{id}")
        assert response.status_code == 200, response.text
        job: dict[str, Any] = response.json()
        return job

    def wait_until_ended(self, id: int) -> dict[str, Any]:
        """Wait until the job is in an end state; return it."""
        wait_until(lambda: self.job(id)["state"] in END_STATES, what=f"the end of job {id}")
        return self.job(id)

    def wait_until_done(self, id: int) -> dict[str, Any]:
        """Wait until the job is done and the streams are empty; return the job."""
        job = self.wait_until_ended(id)
        assert job["state"] == "done", job
        self.wait_until_idle()
        return job

    def run(self, **body: Any) -> dict[str, Any]:
        """Post a job and wait until it is done."""
        return self.wait_until_done(self.post_job(**body))

    # -- deliveries

    def wait_until_idle(self) -> None:
        """Wait until no stream has an entry and no entry is pending."""
        wait_until(lambda: not self.busy_streams(), what="empty streams")

    def busy_streams(self) -> list[str]:
        """The streams that have entries or pending entries."""
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
        """Stop all processes of a service with SIGSTOP; continue them after the block."""
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
        """Otherwise Redis delivers entries to a process that was stopped in a blocking read."""
        for client in self.redis.client_list():
            if "b" in client["flags"]:
                self.redis.client_unblock(int(client["id"]))

    def kill(self, name: str) -> None:
        """Kill one process, such as `aggregator-1`, and start it again."""
        child = self._stack.service(name)
        os.kill(_pid(child), signal.SIGKILL)
        wait_until(lambda: not child.running, what=f"the end of {name}")
        child.start()

    def wait_for_backlog(self, stream: str, count: int) -> list[Entry]:
        """Wait until a stream has at least `count` entries; return its entries."""
        wait_until(lambda: self._has_entries(stream, count), what=f"{count} entries in {stream}")
        entries: Any = self.redis.xrange(stream)
        return list(entries)

    def wait_for_slices(self, stream: str, count: int) -> list[Entry]:
        """Wait until the batches in a stream have `count` slices; return its entries."""
        what = f"{count} slices in {stream}"
        wait_until(lambda: self._slices_in(stream) >= count, what=what)
        entries: Any = self.redis.xrange(stream)
        return list(entries)

    def _slices_in(self, stream: str) -> int:
        entries: Any = self.redis.xrange(stream)
        return sum(len(json.loads(fields[b"slices"])) for _, fields in entries)

    def _has_entries(self, stream: str, count: int) -> bool:
        return int(self.redis.xlen(stream)) >= count

    def deliver(self, stream: str, count: int) -> None:
        """Deliver entries to the last active consumer, which is paused; their lease has expired."""
        group = _group(stream)
        consumers: Any = self.redis.xinfo_consumers(stream, group)
        name = min(consumers, key=lambda consumer: consumer["idle"])["name"]
        deliveries: Any = self.redis.xreadgroup(group, name, {stream: ">"}, count=count)
        ids = [id for id, _ in deliveries[0][1]]
        self.redis.xclaim(stream, group, name, 0, ids, idle=LONG_AGO_MS, justid=True)

    def remove(self, stream: str, entries: Sequence[Entry]) -> None:
        """Acknowledge and delete entries."""
        group = _group(stream)
        ids = [id for id, _ in entries]
        pipe = self.redis.pipeline(transaction=True)
        pipe.xack(stream, group, *ids)
        pipe.xdel(stream, *ids)
        pipe.execute()

    def add(self, stream: str, entries: Sequence[Entry]) -> None:
        """Add entries to a stream."""
        pipe = self.redis.pipeline(transaction=True)
        for _, fields in entries:
            pipe.xadd(stream, fields)
        pipe.execute()

    def shuffle_and_duplicate(self, stream: str, slices: int, seed: int) -> None:
        """Replace all entries of a stream, which have so many slices, by two copies of each, in
        random order.
        """
        entries = self.wait_for_slices(stream, slices)
        self.remove(stream, entries)
        copies = [*entries, *entries]
        random.Random(seed).shuffle(copies)
        self.add(stream, copies)

    def dead_letter_of(self, entry_id: bytes) -> dict[bytes, bytes]:
        """Wait for the dead letter of an entry; return its fields."""
        what = f"the dead letter of entry {entry_id!r}"
        return dict(wait_until(lambda: self._find_dead_letter(entry_id), what=what))

    def _find_dead_letter(self, entry_id: bytes) -> dict[bytes, bytes] | None:
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
    """A new stack with an empty source. It stops at the end of the block."""
    with ExitStack() as exit_stack:
        folder = Path(exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="minuano-e2e-")))
        folder.chmod(0o755)
        copy_prepared_cluster(folder / "postgres")
        all_settings = {**FAST_SETTINGS, **(settings or {})}
        stack = Stack(folder, settings=all_settings, server_settings=NO_FSYNC)
        exit_stack.callback(stack.stop)
        addresses = stack.start_servers()
        source = exit_stack.enter_context(connected(addresses.owner_source_url))
        target = exit_stack.enter_context(connected(addresses.owner_target_url))
        execute(source, create_source_table(assets=assets))
        stack.start_services(
            aggregators=aggregators, loaders=loaders, extractors=extractors, dashboard=dashboard
        )
        http = exit_stack.enter_context(httpx.Client(base_url=addresses.extractor_url, timeout=60))
        pipeline = Pipeline(stack, source, target, http)
        exit_stack.callback(pipeline.redis.close)
        yield pipeline


def parse_timestamp(text: str) -> datetime:
    """A timestamp from its ISO 8601 text with an offset."""
    return datetime.fromisoformat(text)


def _pid(child: Child) -> int:
    assert child.pid is not None
    return child.pid


def _group(stream: str) -> str:
    """The consumer group of a stream such as `minuano:raw`."""
    return GROUPS[stream.rsplit(":", 1)[1]]


def _pause(child: Child) -> None:
    """Send SIGSTOP and wait until the process has stopped: signals arrive with a delay."""
    os.kill(_pid(child), signal.SIGSTOP)
    stat = Path(f"/proc/{child.pid}/stat")
    wait_until(lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T", what="SIGSTOP")
