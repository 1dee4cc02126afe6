"""A stack whose services reach each server through a proxy, and which have failpoints at
exact lines.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cli.embedded.child_process import Child
from cli.embedded.redis_server import RedisServer
from cli.embedded.stack import Stack
from tests.faults import failpoint
from tests.faults.proxy import Proxy
from tests.prepared_cluster import NO_FSYNC

SERVERS = {
    "source": ("MINUANO_SOURCE_URL", "source_url"),
    "connector": ("MINUANO_CONNECTOR_URL", "connector_url"),
    "redis": ("MINUANO_REDIS_URL", "redis_url"),
    "target": ("MINUANO_TARGET_URL", "target_url"),
}
SERVERS_OF = {
    "connector": ("source",),
    "extractor": ("connector", "redis", "target"),
    "aggregator": ("redis",),
    "loader": ("redis", "target"),
}
"""Which servers each service needs."""


class ProxiedStack(Stack):
    """All processes of a service share the proxies of the service."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        super().__init__(folder, settings=settings, server_settings=NO_FSYNC)
        self.proxies: dict[str, Proxy] = {}
        self.failpoints = self.folder / "failpoints"
        self.failpoints.mkdir()

    def command_of(self, service: str) -> list[str]:
        """Start it through tests.faults.failpoint, which knows the lines where it can crash."""
        return [sys.executable, "-m", failpoint.__name__, f"services.{service}"]

    def environment_of(self, service: str) -> dict[str, str]:
        """The proxies' addresses instead of the servers'."""
        through = {}
        for server in SERVERS_OF[service]:
            setting, attribute = SERVERS[server]
            url = urlsplit(getattr(self.state, attribute))
            assert url.port
            pair = f"{service}-{server}"
            if pair not in self.proxies:
                self.proxies[pair] = Proxy(url.port)
            netloc = url.netloc.replace(f":{url.port}", f":{self.proxies[pair].port}")
            through[setting] = urlunsplit(url._replace(netloc=netloc))
        return {
            **super().environment_of(service),
            **through,
            failpoint.FOLDER: str(self.failpoints),
        }

    def proxies_of(self, where: str) -> list[Proxy]:
        """The proxy of a pair such as `loader-redis`, or all those in front of a server."""
        return [
            proxy
            for pair, proxy in self.proxies.items()
            if where in (pair, pair.rpartition("-")[2])
        ]

    def replace_redis(self, server: RedisServer, child: Child) -> None:
        """From now on the name leads to another Redis."""
        for proxy in self.proxies_of("redis"):
            proxy.redirect(server.port)
        self.redis = server
        self.servers[1] = child

    def stop(self) -> None:
        """End everything, the proxies too."""
        super().stop()
        for proxy in self.proxies.values():
            proxy.close()
