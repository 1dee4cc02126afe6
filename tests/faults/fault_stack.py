"""A running stack whose processes, servers and connections a test can break."""

import signal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import redis

from cli.embedded.child_process import Child
from cli.embedded.redis_server import RedisServer
from shared.domain.time_range import ONE_DAY
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import GROUPS, Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, START, steady_samples
from tests.e2e.sql import Row, connected, execute_once, insert_samples
from tests.faults import failpoint
from tests.faults.proxied_stack import ProxiedStack
from tests.faults.signals import catches_sigterm, send, signal_and_wait, signal_and_wait_all
from tests.polling import wait_until

LEASE_S = 2.0
RECOVERY_TIMEOUT_S = 120.0
REQUEST_TIMEOUT_S = 60.0
LAST_LINES = 15
"""Of each log, where a job does not end."""
ASSETS = ("T01", "T02")
DAYS = 3
ALL_DAYS_SCOPE = Scope(start=START, end=START + DAYS * ONE_DAY, assets=ASSETS)
RANGE: dict[str, Any] = {
    "start": START.date().isoformat(),
    "end": (START + (DAYS - 1) * ONE_DAY).date().isoformat(),
}


class FaultStack(Pipeline):
    """A pipeline whose services connect through proxies. The test connects directly."""

    def __init__(self, stack: ProxiedStack, http: httpx.Client, small_disk: Path | None) -> None:
        self._urls = stack.state.owner_source_url, stack.postgres.url("target")
        super().__init__(stack, None, None, http)
        self.proxied, self.small_disk = stack, small_disk
        self.proxies_of = stack.proxies_of

    # -- databases: a new connection for every statement, because tests restart the servers

    def in_source(self, statement: str, values: Any = None) -> list[Row]:
        return execute_once(self._urls[0], statement, values)

    def in_target(self, statement: str, values: Any = None) -> list[Row]:
        return execute_once(self._urls[1], statement, values)

    def reset_data(self) -> None:
        """Fill the source with new samples and empty the target."""
        self._log_offsets = {log: len(log.read_text()) for log in self.logs.glob("*-*.log")}
        self.in_source("TRUNCATE data")
        with connected(self._urls[0]) as source:
            for n, asset in enumerate(ASSETS):
                samples = steady_samples(START, DAYS * DAY_MINUTES, seed=n)
                insert_samples(source, [(asset, *sample) for sample in samples])
        self.in_target("TRUNCATE data, quality")

    @property
    def target_url(self) -> str:
        """The URL of the target for its superuser."""
        return self._urls[1]

    def post_job_with_retries(self, **body: Any) -> int:
        """Post a job; retry until it is accepted, because an outage may just be ending."""
        return int(wait_until(lambda: self.try_post_job(**body), what="a response to POST /jobs"))

    def try_post_job(self, *, within_s: float = REQUEST_TIMEOUT_S, **body: Any) -> int | None:
        """Post a job once; return its id, or None if it is not accepted in time."""
        try:
            response = self.http.post("/jobs", json=body, timeout=within_s)
        except httpx.TransportError:
            return None
        return int(response.json()["id"]) if response.status_code == 202 else None

    # -- processes

    def scale(self, service: str, count: int) -> None:
        """Run `count` processes of a service. Do not wait for them: other faults may block them."""
        self.proxied.scale(service, count, ready=False)

    def service(self, name: str) -> Child:
        return self.proxied.service(name)

    def process_names(self, *services: str) -> list[str]:
        """The names of the processes of these services."""
        return [c.name for c in self.proxied.services if c.name.rpartition("-")[0] in services]

    def kill(self, name: str) -> None:
        """Kill a process with SIGKILL and start it again as a supervisor would."""
        child = self.service(name)
        signal_and_wait(child, signal.SIGKILL)
        child.start()

    def stop_and_start(self, *names: str) -> dict[str, int]:
        """Stop these processes with SIGTERM at the same time, then start them again; return their
        exit codes.
        """
        children = [self.service(name) for name in names]
        for child in children:
            wait_until(partial(_can_be_stopped, child), what=f"a signal handler in {child.name}")
        codes = signal_and_wait_all(children, signal.SIGTERM)
        for child in children:
            child.start()
        return codes

    def restart_dead(self) -> None:
        """Start all processes that have exited."""
        for child in self.proxied.services:
            if not child.running:
                child.start()

    def freeze(self, name: str) -> None:
        send(self.service(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        send(self.service(name), signal.SIGCONT)

    def arm(self, point: str, action: str) -> None:
        """Arm a failpoint with an action, see `failpoint`."""
        (self.proxied.failpoints / point).write_text(action)

    def disarm_and_restart(self, point: str) -> None:
        """Remove the failpoint and restart the process that it killed."""
        armed = self.proxied.failpoints / point
        crashed = armed.with_suffix(failpoint.CRASHED_SUFFIX)
        armed.unlink(missing_ok=True)
        if crashed.exists():
            wait_until(lambda: self._has_exited(crashed.read_text()), what=f"the exit at {point}")
            crashed.unlink()
        self.restart_dead()

    def is_armed(self, point: str) -> bool:
        """Whether no process has reached the failpoint yet."""
        return (self.proxied.failpoints / point).exists()

    def has_crashed(self, pid: int | None) -> bool:
        """Whether this process has reached an armed failpoint."""
        crashed = self.proxied.failpoints.glob(f"*{failpoint.CRASHED_SUFFIX}")
        return str(pid) in [file.read_text() for file in crashed]

    def logs_contain(self, text: str) -> bool:
        """Whether the log of a service has this text since `reset_data`."""
        return self.count_in_logs(text) > 0

    def count_in_logs(self, text: str) -> int:
        """The number of lines with this text since `reset_data`, in the log with most of them."""
        return max(self.count_in_log(log.stem, text) for log in self.logs.glob("*-*.log"))

    def count_in_log(self, name: str, text: str) -> int:
        """The number of lines with this text since `reset_data` in the log of one process."""
        log = self.logs / f"{name}.log"
        lines = log.read_text()[self._log_offsets.get(log, 0) :].splitlines()
        return sum(text in line for line in lines)

    def pending(self, stream: str) -> list[dict[str, Any]]:
        """The entries of a stream that are delivered and not acknowledged."""
        pending: Any = self.redis.xpending_range(f"minuano:{stream}", GROUPS[stream], "-", "+", 99)
        return list(pending)

    def _has_exited(self, pid: str) -> bool:
        return pid.isdigit() and all(
            str(c.pid) != pid or not c.running for c in self.proxied.services
        )

    # -- servers

    @property
    def postgres(self) -> Child:
        return self.proxied.servers[0]

    @property
    def redis_server(self) -> Child:
        return self.proxied.servers[1]

    @property
    def redis_folder(self) -> Path:
        """The folder with the append-only file of Redis."""
        return self.proxied.redis.folder

    @property
    def healthy_redis(self) -> redis.Redis:
        """A client for Redis; first end a stall, a read-only state and a memory limit."""
        self.resume_redis()
        self.redis.replicaof("NO", "ONE")
        self.redis.config_set("maxmemory", "0")
        return self.redis

    def resume_redis(self) -> None:
        send(self.redis_server, signal.SIGCONT)

    def replace_redis(self, server: RedisServer, child: Child) -> None:
        """Use another Redis server from now on."""
        self.proxied.replace_redis(server, child)
        self.redis.close()
        self.redis = redis.Redis.from_url(server.url)

    def restart_server(self, server: Child, number: signal.Signals) -> None:
        """Stop a server with a signal and start it again; return when it responds."""
        self.stop_server(server, number)
        server.start()
        self.wait_for_servers()

    def stop_server(self, server: Child, number: signal.Signals) -> None:
        """Stop a server with a signal."""
        signal_and_wait(server, number)

    def wait_for_servers(self) -> None:
        """Return when both servers respond."""
        wait_until(self._servers_respond, what="the servers' return")

    def _servers_respond(self) -> bool:
        try:
            self.in_source("SELECT 1")
            self.resume_redis()
            return bool(self.redis.ping())
        except (psycopg2.OperationalError, redis.RedisError):
            return False

    # -- the checks after recovery

    def wait_until_recovered(self, *jobs: int, dead_letters: int = 0) -> int:
        """Check the stack after its recovery; return the number of compared rows.

        D: the target matches the source. L: every job and all its slices are done.
        Q: no entry is left or pending, and the number of dead letters is as expected.
        T: all of this within a time limit and without help from outside.
        """
        for id in jobs:
            try:
                wait_until(
                    partial(self._is_done, id), within_s=RECOVERY_TIMEOUT_S, what=f"job {id}"
                )
            except AssertionError as late:
                raise AssertionError(f"{late}: {self._what_waits(id)}") from None
        wait_until(
            lambda: not self.busy_streams(), within_s=RECOVERY_TIMEOUT_S, what="empty streams"
        )
        contents = assert_target_matches_source(self, ALL_DAYS_SCOPE)
        for id in jobs:
            assert self._slices(id) == (len(ASSETS) * DAYS,) * 2
        assert self.redis.xlen(self.streams.dead) == dead_letters
        exited = [child.name for child in self.proxied.services if not child.running]
        assert exited == []
        return len(contents.data) + len(contents.quality)

    def _is_done(self, id: int) -> bool:
        try:
            job = self.job(id)
        except httpx.TransportError:
            return False
        assert job["state"] in ("queued", "running", "done"), job
        return bool(job["state"] == "done")

    def _what_waits(self, id: int) -> str:
        """The job, the entries of the streams, and the last lines of the logs."""
        streams = {
            name: (self.redis.xlen(f"minuano:{name}"), self.pending(name)) for name in GROUPS
        }
        lines = [
            f"{log.name}: {line}"
            for log in sorted(self.logs.glob("*-*.log"))
            for line in log.read_text().splitlines()[-LAST_LINES:]
        ]
        exited = [child.name for child in self.proxied.services if not child.running]
        try:
            job = str(self.job(id))
        except httpx.TransportError as error:
            job = f"the extractor does not answer: {error!r}"
        return "\n".join([job, str(streams), f"exited: {exited}", *lines])

    def _slices(self, id: int) -> Row:
        [row] = self.in_target(
            "SELECT slices_total, (SELECT count(*) FROM etl.slice s WHERE s.job_id = j.id "
            "AND loaded_at IS NOT NULL)::int FROM etl.job j WHERE id = %s",
            [id],
        )
        return row


def _can_be_stopped(child: Child) -> bool:
    """Whether SIGTERM makes the process exit with 0, or it has exited."""
    return not child.running or catches_sigterm(child)
