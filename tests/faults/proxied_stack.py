"""A stack whose services connect to each server through a proxy and have failpoints."""

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
"""The servers that each service connects to."""


class ProxiedStack(Stack):
    """A stack with one proxy for each pair of service and server."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        super().__init__(folder, settings=settings, server_settings=NO_FSYNC)
        self.proxies: dict[str, Proxy] = {}
        self.failpoints = self.folder / "failpoints"
        self.failpoints.mkdir()

    def command_of(self, service: str) -> list[str]:
        """Start the service through tests.faults.failpoint, which installs the failpoints."""
        return [sys.executable, "-m", failpoint.__name__, f"services.{service}"]

    def environment_of(self, service: str) -> dict[str, str]:
        """The settings of a service with the addresses of its proxies."""
        proxied_urls = {}
        for server in SERVERS_OF[service]:
            setting, attribute = SERVERS[server]
            url = urlsplit(getattr(self.state, attribute))
            assert url.port
            pair = f"{service}-{server}"
            if pair not in self.proxies:
                self.proxies[pair] = Proxy(url.port)
            netloc = url.netloc.replace(f":{url.port}", f":{self.proxies[pair].port}")
            proxied_urls[setting] = urlunsplit(url._replace(netloc=netloc))
        return {
            **super().environment_of(service),
            **proxied_urls,
            failpoint.FOLDER: str(self.failpoints),
        }

    def proxies_of(self, where: str) -> list[Proxy]:
        """The proxy of a pair such as `loader-redis`, or all proxies of a server."""
        return [
            proxy
            for pair, proxy in self.proxies.items()
            if where in (pair, pair.rpartition("-")[2])
        ]

    def replace_redis(self, server: RedisServer, child: Child) -> None:
        """Redirect all proxies of Redis to another server."""
        for proxy in self.proxies_of("redis"):
            proxy.redirect(server.port)
        self.redis = server
        self.servers[1] = child

    def stop(self) -> None:
        """Stop all processes and close the proxies."""
        super().stop()
        for proxy in self.proxies.values():
            proxy.close()
