"""The embedded stack: both servers, the databases and every service as a process of its own."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import httpx

from cli.embedded import ports
from cli.embedded.child_process import Child, stop_all
from cli.embedded.postgres import READER, WRITER, Postgres
from cli.embedded.redis_server import RedisServer
from cli.embedded.stack_state import STATE_FILE, StackState, locked
from shared.environment import PREFIX
from shared.errors import MinuanoError
from shared.postgres import engines, schema_version
from shared.sample_data.generator import RATED_POWER

SOURCE, TARGET = "source", "target"
READY_WITHIN_S = 120.0
RATED = "MINUANO_RATED_POWER_KW"
STOP_SERVICES_S, STOP_SERVERS_S = 6.0, 3.0
CHECK_EVERY_S = 0.05


class Stack:
    """Starts and ends the parts in the order in which they need each other."""

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
        """Take the folder; `fresh` empties it first. The services inherit the environment
        `inherited`; `settings` have priority. Raises `Conflict` if another stack uses the folder.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.logs = folder.resolve(), folder.resolve() / "logs"
        self._lock = locked(self.folder)
        (self.folder / STATE_FILE).unlink(missing_ok=True)
        for left in ("postgres", "redis", "dagster", "logs") if fresh else ():
            if (self.folder / left).exists():
                shutil.rmtree(self.folder / left)
        self.logs.mkdir(exist_ok=True)
        self.port = ports.preferred if usual_ports else (lambda _: ports.free())
        self._settings, self._inherited = dict(settings or {}), inherited
        self.servers: list[Child] = []
        self.services: list[Child] = []
        self._health: dict[str, str] = {}
        self._is_ready: dict[str, Callable[[], bool]] = {}
        self.postgres = Postgres(
            self.folder / "postgres", self.logs, port=self.port(55432), settings=server_settings
        )
        self.redis = RedisServer(self.folder / "redis", self.logs, port=self.port(56379))

    def start_servers(self) -> StackState:
        """Start PostgreSQL and Redis, make the databases and bring the target to its schema."""
        self.servers.append(self.postgres.start())
        self.servers.append(self.redis.start())
        self.postgres.create_roles()
        for name, role in ((SOURCE, READER), (TARGET, WRITER)):
            self.postgres.create_database(name, roles=[role])
        self.state = self._addresses()
        schema_version.upgrade(engines.connect(self.state.owner_target_url, application="migrate"))
        return self.state

    def start_services(
        self,
        *,
        aggregators: int = 2,
        loaders: int = 1,
        extractors: int = 1,
        dashboard: bool = False,
    ) -> None:
        """Start the services and wait until each says that it is ready."""
        self._start("connector", self._port_of(self.state.connector_url))
        self._start("extractor", self._port_of(self.state.extractor_url))
        for n in range(1, extractors):
            self._start("extractor", ports.free(), n + 1)
        for worker, usual, count in (("aggregator", 9101, aggregators), ("loader", 9102, loaders)):
            for n in range(count):
                self._start(worker, ports.free() if n else self.port(usual), n + 1)
        if dashboard:
            self._start("dashboard", self._port_of(self.state.dashboard_url))
        self.wait_until_ready()

    def scale(self, service: str, count: int, *, ready: bool = True) -> None:
        """Run so many processes of a worker from now on; wait until they are `ready`."""
        there = [child for child in self.services if child.name.startswith(f"{service}-")]
        stop_all(there[count:], within_s=STOP_SERVICES_S)
        self.services = [child for child in self.services if child not in there[count:]]
        for n in range(len(there), count):
            self._start(service, ports.free(), n + 1)
        if ready:
            self.wait_until_ready()

    def announce(self) -> None:
        """Let other commands find this stack; what they read holds passwords and keys."""
        inherited = {k: v for k, v in self._inherited.items() if k.startswith(PREFIX)}
        told = replace(self.state, settings={**self.state.settings, **inherited, **self._settings})
        path = self.folder / STATE_FILE
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(told), indent=1))

    def wait_until_ready(self) -> None:
        """Return when every service is ready; raise with the log of one that is not."""
        until = time.monotonic() + READY_WITHIN_S
        for child in self.services:
            while not self._is_ready[child.name]():
                child.require_running()
                if time.monotonic() > until:
                    raise MinuanoError(f"{child.name} does not get ready; {child.log_tail()}")
                time.sleep(CHECK_EVERY_S)
            # What answers is not ours if ours could not have the port.
            child.require_running()

    def restart_dead(self, tell: Callable[[str, str], None]) -> None:
        """Start again whatever has ended; `tell(name, what)` is called with each change."""
        for child in (*self.servers, *self.services):
            if told := child.restart_if_dead():
                tell(child.name, told)

    def stop(self) -> None:
        """End the services, then the servers; nothing is left running."""
        stop_all(self.services, within_s=STOP_SERVICES_S)
        stop_all(self.servers, within_s=STOP_SERVERS_S)
        (self.folder / STATE_FILE).unlink(missing_ok=True)
        self._lock.close()

    def add(self, child: Child, is_ready: Callable[[], bool]) -> None:
        """Start one more process, which is revived and ended like all of them."""
        self.services.append(child)  # first, so that an interrupt leaves nothing behind
        self._is_ready[child.name] = is_ready
        child.start()

    def service(self, name: str) -> Child:
        """A service's process by its name, such as `aggregator-1`."""
        return next(child for child in self.services if child.name == name)

    def command_of(self, service: str) -> list[str]:
        """What starts a service."""
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
            **(self._for_the_dashboard() if service == "dashboard" else {}),
            **self._settings,
        }

    def _for_the_dashboard(self) -> dict[str, str]:
        """It shows logs, and may fill the source, which is ours and holds sample turbines."""
        return {
            "MINUANO_LOG_FOLDER": str(self.logs),
            "MINUANO_SAMPLE_DATA_URL": self.state.owner_source_url,
            RATED: self._inherited.get(RATED) or json.dumps({"*": RATED_POWER}),
        }

    def _addresses(self) -> StackState:
        url = self.postgres.url
        return StackState(
            source_url=url(SOURCE, "minuano_reader"),
            target_url=url(TARGET, "minuano_writer"),
            owner_source_url=url(SOURCE, "minuano_owner"),
            owner_target_url=url(TARGET, "minuano_owner"),
            redis_url=self.redis.url,
            connector_url=f"http://{ports.HOST}:{self.port(8000)}",
            extractor_url=f"http://{ports.HOST}:{self.port(8001)}",
            dashboard_url=f"http://{ports.HOST}:{self.port(8080)}",
            servers={s.name: str(s) for s in (self.postgres.server, self.redis.server)},
            folder=str(self.folder),
        )

    def _start(self, service: str, port: int, number: int = 1) -> None:
        name = f"{service}-{number}"
        child = self.child(name, service, settings={"MINUANO_PORT": str(port)})
        self._health[name] = f"http://{ports.HOST}:{port}/health/ready"
        self.add(child, partial(_answers, self._health[name]))

    @staticmethod
    def _port_of(url: str) -> int:
        return int(url.rsplit(":", 1)[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False
