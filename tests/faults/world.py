"""A running stack in which anything can be broken: processes, servers, and what lies between."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg2
import redis

from cli.embedded.processes import Child
from cli.embedded.stack import Stack
from tests.e2e.oracle import Span, assert_true
from tests.e2e.pipeline import FAST_POSTGRES, Pipeline, Row, wait_until
from tests.e2e.samples import DAY, DAY_MINUTES, START, steady
from tests.faults.proxy import Proxy

LEASE_S = 2.0
SETTINGS = {
    "MINUANO_BLOCK_S": "0.2",
    "MINUANO_LEASE_S": str(LEASE_S),
    "MINUANO_SWEEP_EVERY_S": "0.5",
    "MINUANO_STALL_S": "2",
    "MINUANO_SOURCE_ASSET_COLUMN": "asset",
    "MINUANO_CHUNK_SLICES": "2",
    "MINUANO_PAGE_ROWS": "1000",
}
HEALED_WITHIN_S = 60.0
ASSETS = ("T01", "T02")
DAYS = 3
WHOLE = Span(start=START, end=START + DAYS * DAY, assets=ASSETS)
RANGE = {
    "start": START.date().isoformat(),
    "end": (START + (DAYS - 1) * DAY).date().isoformat(),
}
LINKS = {
    "MINUANO_REDIS_URL": "redis_url",
    "MINUANO_TARGET_URL": "target_url",
    "MINUANO_SOURCE_URL": "source_url",
    "MINUANO_CONNECTOR_URL": "connector_url",
}
_TABLE = (
    "CREATE TABLE data (asset text, timestamp timestamptz, wind_speed double precision, "
    "power double precision, ambient_temperature double precision, PRIMARY KEY (asset, timestamp))"
)


class World(Pipeline):
    """A pipeline whose services reach everything through proxies; the test itself does not."""

    def __init__(self, stack: Stack, http: httpx.Client, proxies: dict[str, Proxy]) -> None:
        self._urls = stack.addresses.owner_source_url, stack.postgres.url("target")
        super().__init__(stack, None, None, http)
        self.proxies = proxies

    # -- databases: every statement has a connection of its own, for servers come and go

    def in_source(self, statement: str, values: Any = None) -> list[Row]:
        return _run(self._urls[0], statement, values)

    def in_target(self, statement: str, values: Any = None) -> list[Row]:
        return _run(self._urls[1], statement, values)

    def refill(self) -> None:
        """Fresh samples in the source, nothing in the target."""
        self.in_source("TRUNCATE data")
        for n, asset in enumerate(ASSETS):
            rows = [(asset, *row) for row in steady(START, DAYS * DAY_MINUTES, seed=n)]
            self.in_source(_insert(rows))
        self.in_target("TRUNCATE data, quality")

    @property
    def target_url(self) -> str:
        """The target, as its superuser."""
        return self._urls[1]

    def ask_again(self, **body: Any) -> int:
        """Ask for a job as a person does whose request may meet the end of an outage."""
        return int(wait_until(lambda: self.ask_once(**body), what="an answer to POST /jobs"))

    def ask_once(self, **body: Any) -> int | None:
        """Ask for a job; None if nobody can take it."""
        try:
            answer = self.post(**body)
        except httpx.TransportError:
            return None
        return int(answer.json()["id"]) if answer.status_code == 202 else None

    # -- processes

    def scale(self, service: str, count: int) -> None:
        """Run so many processes of a worker."""
        self._stack.scale(service, count)

    def service(self, name: str) -> Child:
        return self._stack.service(name)

    def names(self, *services: str) -> list[str]:
        """The processes of these services."""
        return [c.name for c in self._stack.services if c.name.rpartition("-")[0] in services]

    def kill(self, name: str) -> None:
        """SIGKILL, and start it again as a supervisor would."""
        child = self.service(name)
        os.kill(_pid(child), signal.SIGKILL)
        _wait(child)
        child.start()

    def stop_and_start(self, name: str) -> int:
        """SIGTERM, and start it again; return the exit code."""
        child = self.service(name)
        child.ask_to_stop()
        code = _wait(child)
        child.start()
        return code

    def freeze(self, name: str) -> None:
        os.kill(_pid(self.service(name)), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.kill(_pid(self.service(name)), signal.SIGCONT)

    # -- servers

    @property
    def postgres(self) -> Child:
        return self._stack.servers[0]

    @property
    def redis_server(self) -> Child:
        return self._stack.servers[1]

    def restart(self, server: Child, number: signal.Signals) -> None:
        """End a server by a signal and start it again; return when it serves."""
        os.kill(_pid(server), number)
        _wait(server)
        server.start()
        self.wait_for_servers()

    def wait_for_servers(self) -> None:
        """Return when both answer."""
        wait_until(self._servers_answer, what="the servers' return")

    def _servers_answer(self) -> bool:
        try:
            self.in_source("SELECT 1")
            return bool(self.redis.ping())
        except (psycopg2.OperationalError, redis.RedisError):
            return False

    # -- the oracles

    def healed(self, *jobs: int, dead_letters: int = 0) -> int:
        """Return how many rows were compared.

        D: the target is what the source says. L: every job is done, and so are all its slices.
        Q: nothing is left on the streams or in a hand, and no dead letter that was not expected.
        T: all of it within a bounded time, by itself.
        """
        for id in jobs:
            wait_until(partial(self._is_done, id), within_s=HEALED_WITHIN_S, what=f"job {id}")
        wait_until(lambda: not self.left_over(), within_s=HEALED_WITHIN_S, what="empty streams")
        found = assert_true(self, WHOLE)
        for id in jobs:
            assert self._slices(id) == (len(ASSETS) * DAYS,) * 2
        assert self.redis.xlen(self.streams.dead) == dead_letters
        dead = [child.name for child in self._stack.services if not child.running]
        assert dead == []
        return len(found.data) + len(found.quality)

    def _is_done(self, id: int) -> bool:
        try:
            job = self.job(id)
        except httpx.TransportError:
            return False
        assert job["state"] in ("queued", "running", "done"), job
        return bool(job["state"] == "done")

    def _slices(self, id: int) -> Row:
        [row] = self.in_target(
            "SELECT slices_total, (SELECT count(*) FROM etl.slice s WHERE s.job_id = j.id "
            "AND loaded_at IS NOT NULL)::int FROM etl.job j WHERE id = %s",
            [id],
        )
        return row


@contextmanager
def world() -> Iterator[World]:
    """A stack of its own, with two of every worker, ended with the block."""
    with ExitStack() as until:
        folder = Path(until.enter_context(tempfile.TemporaryDirectory(prefix="minuano-faults-")))
        folder.chmod(0o755)
        settings = dict(SETTINGS)
        stack = Stack(folder, settings=settings, server_settings=FAST_POSTGRES)
        until.callback(stack.stop)
        stack.start_servers()
        proxies = {}
        for setting, attribute in LINKS.items():
            url = urlsplit(getattr(stack.addresses, attribute))
            assert url.port
            proxy = proxies[attribute.removesuffix("_url")] = Proxy(url.port)
            until.callback(proxy.close)
            netloc = url.netloc.replace(f":{url.port}", f":{proxy.port}")
            # Whoever starts after this is sent through the proxy.
            stack._settings[setting] = urlunsplit(url._replace(netloc=netloc))
        _run(stack.addresses.owner_source_url, _TABLE)
        stack.start_services(aggregators=2, loaders=2)
        http = until.enter_context(httpx.Client(base_url=stack.addresses.extractor_url, timeout=15))
        made = World(stack, http, proxies)
        until.callback(made.redis.close)
        yield made


def _insert(rows: list[Row]) -> str:
    values = ", ".join(
        f"('{asset}', '{stamp.isoformat()}', {wind!r}, {power!r}, {temperature!r})"
        for asset, stamp, wind, power, temperature in rows
    )
    return f"INSERT INTO data VALUES {values}"


def _run(url: str, statement: str, values: Any = None) -> list[Row]:
    connection = psycopg2.connect(url, options="-c timezone=UTC", connect_timeout=5)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def _pid(child: Child) -> int:
    assert child.pid is not None
    return child.pid


def _wait(child: Child) -> int:
    assert child.process is not None
    return child.process.wait(timeout=20)
