"""The embedded stack on five hosts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from bench.distance.namespaces import NETWORK
from bench.distance.network import EXTRACTORS, REDIS, SOURCE, TARGET, WORKERS, Network
from cli.embedded.child_process import Child
from cli.embedded.postgres import OWNER, READER, WRITER, Postgres
from cli.embedded.stack import Stack
from cli.embedded.stack_state import StackState
from shared.postgres import engines, schema_version

HOST_OF = {
    "connector": SOURCE,
    "redis": REDIS,
    "extractor": EXTRACTORS,
    "aggregator": WORKERS,
    "loader": WORKERS,
    "dashboard": WORKERS,
    "postgres": TARGET,
}
CLIENT_AUTHENTICATION = f"host all all {NETWORK}.0/24 scram-sha-256\n"


class DistantStack(Stack):
    """Source and connector, Redis, extractors, aggregators and loaders, and the target: each on
    its host. `postgres` is the target's server.
    """

    def __init__(
        self,
        folder: Path,
        network: Network,
        *,
        settings: Mapping[str, str],
        server_settings: tuple[str, ...] = (),
    ) -> None:
        self._network = network
        authentication = folder / "pg_hba.conf"
        authentication.write_text(CLIENT_AUTHENTICATION)
        postgres_settings = (*server_settings, f"hba_file={authentication}")
        no_proxy = dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(network.addresses))
        super().__init__(
            folder, settings={**no_proxy, **settings}, server_settings=postgres_settings
        )
        logs = self.logs / "source"
        logs.mkdir()
        self.source = Postgres(
            self.folder / "source", logs, host=network[SOURCE].address, settings=postgres_settings
        )

    def host_of(self, name: str) -> str:
        return self._network[HOST_OF[name]].address

    def environment_of(self, service: str) -> dict[str, str]:
        return {**super().environment_of(service), "MINUANO_HOST": self.host_of(service)}

    def add(self, child: Child, is_ready: Callable[[], bool]) -> None:
        with self._network[HOST_OF[child.name.rpartition("-")[0]]].entered():
            super().add(child, is_ready)

    def start_servers(self) -> StackState:
        with self._network[REDIS].entered():
            self.servers.append(self.redis.start())
        for server, host, role in ((self.source, SOURCE, READER), (self.postgres, TARGET, WRITER)):
            with self._network[host].entered():
                child = server.start()
            child.name = f"PostgreSQL {host}"
            self.servers.append(child)
            server.create_roles()
            server.create_database(host, roles=[role])
        self.state = replace(
            self._initial_state(),
            source_url=self.source.url(SOURCE, READER),
            owner_source_url=self.source.url(SOURCE, OWNER),
        )
        schema_version.upgrade(engines.connect(self.state.owner_target_url, application="migrate"))
        return self.state
