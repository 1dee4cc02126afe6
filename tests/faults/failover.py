"""A second Redis follows the first, loses sight of it, and takes its place."""

import shutil
import signal
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import redis

from cli.embedded.redis_server import RedisServer
from tests.faults.fault_stack import FaultStack
from tests.faults.proxy import Proxy
from tests.polling import wait_until


def fail_over(
    fault_stack: FaultStack,
    *,
    lag_s: float,
    while_disconnected: Callable[[], object] = lambda: None,
) -> None:
    """Cut a replica off, let the master take writes for so long, end it, promote the replica."""
    # Who is stalled or has itself no master can't be followed.
    fault_stack.healthy_redis.config_set("repl-diskless-sync-delay", "0")
    between = Proxy(fault_stack.proxied.redis.port)
    server = _server_with_same_password(fault_stack, f"redis-{between.port}")
    child = server.start()
    try:
        _replicate(fault_stack, server, between.port)
        between.disturbance.refuse = True
        between.cut()
        while_disconnected()
        threading.Event().wait(lag_s)
    finally:
        between.close()
    fault_stack.stop_server(fault_stack.redis_server, signal.SIGKILL)
    with redis.Redis.from_url(server.url) as client:
        client.replicaof("NO", "ONE")
    fault_stack.replace_redis(server, child)


def _server_with_same_password(fault_stack: FaultStack, name: str) -> RedisServer:
    """Another server with the same password."""
    folder = fault_stack.redis_folder.with_name(name)
    folder.mkdir()
    shutil.copy(fault_stack.redis_folder / "password", folder)
    return RedisServer(folder, fault_stack.logs)


def _replicate(fault_stack: FaultStack, server: RedisServer, master_port: int) -> None:
    """Return when the server has all that its master has."""
    password = urlsplit(fault_stack.proxied.redis.url).password or ""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("masterauth", password)
        client.replicaof("127.0.0.1", master_port)
        wait_until(
            lambda: client.info("replication").get("master_link_status") == "up",
            what="the replica's sight of its master",
        )
