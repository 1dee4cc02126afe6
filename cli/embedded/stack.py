"""The embedded stack: PostgreSQL, Redis, the databases, and each service as a child process."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import httpx

from cli.embedded import ports
from cli.embedded.child_process import Child, stop_all
from cli.embedded.postgres import READER, WRITER, Postgres
from cli.embedded.redis_server import RedisServer
from cli.embedded.secret_file import write_secret
from cli.embedded.stack_state import STATE_FILE, StackState, locked
from shared.clients import tls
from shared.environment import PREFIX
from shared.postgres import engines, schema_version
from shared.sample_data.generator import RATED_POWER

SOURCE, TARGET = "source", "target"
READY_WITHIN_S = 120.0
RATED_POWER_SETTING = "MINUANO_RATED_POWER_KW"
STOP_SERVICES_S, STOP_SERVERS_S = 6.0, 3.0
HEALTH_TIMEOUT_S = 2.0


class Stack:
    """Starts and stops servers and services in the order of their dependencies."""

    def __init__(
        self,
        folder: Path,
        *,
        usual_ports: bool = False,
        settings: Mapping[str, str] | None = None,
        inherited: Mapping[str, str] = os.environ,
        server_settings: tuple[str, ...] = (),
        fresh: bool = False,
    ) -> None:
        """Lock the folder and, with `fresh`, empty it. The services inherit the environment
        `inherited`; `settings` have priority. `Conflict` if another process locked the folder.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.logs = folder.resolve(), folder.resolve() / "logs"
        self._lock = locked(self.folder)
        (self.folder / STATE_FILE).unlink(missing_ok=True)
        for name in ("postgres", "redis", "dagster", "logs") if fresh else ():
            if (self.folder / name).exists():
                shutil.rmtree(self.folder / name)
        self.logs.mkdir(exist_ok=True)
        self.port = ports.preferred if usual_ports else (lambda _: ports.free())
        self._settings, self._inherited = dict(settings or {}), inherited
        self.servers: list[Child] = []
        self.services: list[Child] = []
        self.health_urls: dict[str, str] = {}
        self._is_ready: dict[str, Callable[[], bool]] = {}
        self.postgres = Postgres(
            self.folder / "postgres", self.logs, host=self.host_of("postgres"),
            port=self.port(55432), settings=server_settings,
        )  # fmt: skip
        self.redis = RedisServer(
            self.folder / "redis", self.logs, host=self.host_of("redis"), port=self.port(56379)
        )

    def start_servers(self) -> StackState:
        """Start PostgreSQL and Redis, create the databases and upgrade the target's schema."""
        self.servers.append(self.postgres.start())
        self.servers.append(self.redis.start())
        self.postgres.create_roles()
        for name, role in ((SOURCE, READER), (TARGET, WRITER)):
            self.postgres.create_database(name, roles=[role])
        self.state = self._initial_state()
        owner = engines.connect(self.state.owner_target_url, application="migrate")
        schema_version.upgrade(owner)
        owner.dispose()  # an open session of the owner would keep `pg_restore --clean` from working
        return self.state

    def start_services(
        self,
        *,
        aggregators: int = 2,
        loaders: int = 1,
        extractors: int = 1,
        dashboard: bool = False,
    ) -> None:
        """Start the services and wait until all of them are ready."""
        self._start("connector", self._port_of(self.state.connector_url))
        self._start("extractor", self._port_of(self.state.extractor_url))
        for n in range(1, extractors):
            self._start("extractor", ports.free(), n + 1)
        for service, port, count in (("aggregator", 9101, aggregators), ("loader", 9102, loaders)):
            for n in range(count):
                self._start(service, ports.free() if n else self.port(port), n + 1)
        if dashboard:
            self._start("dashboard", self._port_of(self.state.dashboard_url))
        self.wait_until_ready()

    def scale(self, service: str, count: int, *, ready: bool = True) -> None:
        """Run this many processes of a service; wait until they are ready if `ready` is set."""
        running = [child for child in self.services if child.name.startswith(f"{service}-")]
        surplus = running[count:]
        stop_all(surplus, within_s=STOP_SERVICES_S)
        self.services = [child for child in self.services if child not in surplus]
        for n in range(len(running), count):
            self._start(service, ports.free(), n + 1)
        if ready:
            self.wait_until_ready()

    def announce(self) -> None:
        """Write the file by which other commands find this stack; it holds passwords and keys."""
        inherited = {k: v for k, v in self._inherited.items() if k.startswith(PREFIX)}
        settings = {**self.state.settings, **inherited, **self._settings}
        state = replace(self.state, settings=settings)
        write_secret(self.folder / STATE_FILE, json.dumps(asdict(state), indent=1))

    def wait_until_ready(self) -> None:
        """Return when all services are ready; raise with the end of the log of one that is not."""
        for child in self.services:
            child.wait_until_ready(self._is_ready[child.name], within_s=READY_WITHIN_S)

    def restart_dead(self, report: Callable[[str, str], None]) -> None:
        """Restart the processes that have ended; call `report(name, event)` for each change. No log
        grows without bound.
        """
        for child in (*self.servers, *self.services):
            child.bound_log()
            if event := child.restart_if_dead():
                report(child.name, event)

    def stop(self) -> None:
        """Stop the services, then the servers; no process is left running."""
        stop_all(self.services, within_s=STOP_SERVICES_S)
        stop_all(self.servers, within_s=STOP_SERVERS_S)
        (self.folder / STATE_FILE).unlink(missing_ok=True)
        self._lock.close()

    def add(self, child: Child, is_ready: Callable[[], bool]) -> None:
        """Start one more process, which is restarted and stopped like the others."""
        # Before the start: an interrupt leaves no process behind.
        self.services.append(child)
        self._is_ready[child.name] = is_ready
        child.start()

    def service(self, name: str) -> Child:
        """The process with this name, such as `aggregator-1`."""
        return next(child for child in self.services if child.name == name)

    def host_of(self, name: str) -> str:
        """The address at which a server or a service is reached."""
        return ports.HOST

    def command_of(self, service: str) -> list[str]:
        """The command that starts a service."""
        return [sys.executable, "-m", f"services.{service}"]

    def add_settings(self, settings: Mapping[str, str]) -> None:
        """Set more variables of the services that start from now on."""
        self._settings.update(settings)

    def child(self, name: str, service: str, *words: str, settings: Mapping[str, str]) -> Child:
        """A process of a service with these settings, not started yet; its log is NAME.log."""
        return Child(
            name,
            [*self.command_of(service), *words],
            self.logs / f"{name}.log",
            env={**self._inherited, **self.environment_of(service), **settings},
        )

    def environment_of(self, service: str) -> dict[str, str]:
        """The variables of a service except its own port."""
        return {
            **self.state.environment(),
            "PYTHONUNBUFFERED": "1",
            **dict.fromkeys(("NO_PROXY", "no_proxy"), ports.HOST),
            **(self._dashboard_settings() if service == "dashboard" else {}),
            **self._settings,
        }

    def _dashboard_settings(self) -> dict[str, str]:
        """The dashboard shows the logs and may write sample data into the source."""
        return {
            "MINUANO_LOG_FOLDER": str(self.logs),
            "MINUANO_SAMPLE_DATA_URL": self.state.owner_source_url,
            RATED_POWER_SETTING: self._inherited.get(RATED_POWER_SETTING)
            or json.dumps({"*": RATED_POWER}),
        }

    def _initial_state(self) -> StackState:
        url = self.postgres.url
        return StackState(
            source_url=url(SOURCE, "minuano_reader"),
            target_url=url(TARGET, "minuano_writer"),
            owner_source_url=url(SOURCE, "minuano_owner"),
            owner_target_url=url(TARGET, "minuano_owner"),
            redis_url=self.redis.url,
            connector_url=f"http://{self.host_of('connector')}:{self.port(8000)}",
            extractor_url=f"http://{self.host_of('extractor')}:{self.port(8001)}",
            dashboard_url=f"http://{self.host_of('dashboard')}:{self.port(8080)}",
            servers={s.name: str(s) for s in (self.postgres.server, self.redis.server)},
            folder=str(self.folder),
        )

    def _start(self, service: str, port: int, number: int = 1) -> None:
        name = f"{service}-{number}"
        child = self.child(name, service, settings={"MINUANO_PORT": str(port)})
        self.health_urls[name] = f"http://{self.host_of(service)}:{port}/health/ready"
        self.add(child, partial(_is_ready, self.health_urls[name]))

    @staticmethod
    def _port_of(url: str) -> int:
        return int(url.rsplit(":", 1)[1])


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(
            url, timeout=HEALTH_TIMEOUT_S, trust_env=False, verify=tls.context()
        ).is_success
    except httpx.TransportError:
        return False
