"""A second Redis follows the first, loses sight of it, and takes its place."""

import shutil
import signal
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import redis

from cli.embedded.redis_server import RedisServer
from tests.faults.fault_stack import World
from tests.faults.proxy import Proxy
from tests.polling import wait_until


def fail_over(
    world: World, *, behind_s: float, meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Cut a replica off, let the master take writes for so long, end it, promote the replica."""
    # Who is stalled or has itself no master can't be followed.
    world.redis_at_hand.config_set("repl-diskless-sync-delay", "0")
    between = Proxy(world.stack.redis.port)
    server = _server_like(world, f"redis-{between.port}")
    child = server.start()
    try:
        _follow(world, server, between.port)
        between.weather.refuse = True
        between.cut()
        meanwhile()
        threading.Event().wait(behind_s)
    finally:
        between.close()
    world.end(world.redis_server, signal.SIGKILL)
    with redis.Redis.from_url(server.url) as client:
        client.replicaof("NO", "ONE")
    world.replace_redis(server, child)


def _server_like(world: World, name: str) -> RedisServer:
    """Another server with the same password."""
    folder = world.redis_folder.with_name(name)
    folder.mkdir()
    shutil.copy(world.redis_folder / "password", folder)
    return RedisServer(folder, world.logs)


def _follow(world: World, server: RedisServer, master_port: int) -> None:
    """Return when the server has all that its master has."""
    password = urlsplit(world.stack.redis.url).password or ""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("masterauth", password)
        client.replicaof("127.0.0.1", master_port)
        wait_until(
            lambda: client.info("replication").get("master_link_status") == "up",
            what="the replica's sight of its master",
        )
