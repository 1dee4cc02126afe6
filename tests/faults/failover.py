"""Fail over to a Redis replica that has missed the last writes."""

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
    """Disconnect a replica, accept writes for `lag_s`, kill the master, promote the replica."""
    # A replica cannot follow a Redis that is stalled or read-only: `healthy_redis` repairs it.
    fault_stack.healthy_redis.config_set("repl-diskless-sync-delay", "0")
    proxy = Proxy(fault_stack.proxied.redis.port)
    server = _server_with_same_password(fault_stack, f"redis-{proxy.port}")
    child = server.start()
    try:
        _replicate(fault_stack, server, proxy.port)
        proxy.disturbance.refuse = True
        proxy.cut()
        while_disconnected()
        threading.Event().wait(lag_s)
    finally:
        proxy.close()
    fault_stack.stop_server(fault_stack.redis_server, signal.SIGKILL)
    with redis.Redis.from_url(server.url) as client:
        client.replicaof("NO", "ONE")
    fault_stack.replace_redis(server, child)


def _server_with_same_password(fault_stack: FaultStack, name: str) -> RedisServer:
    """A new server with the same password."""
    folder = fault_stack.redis_folder.with_name(name)
    folder.mkdir()
    shutil.copy(fault_stack.redis_folder / "password", folder)
    return RedisServer(folder, fault_stack.logs)


def _replicate(fault_stack: FaultStack, server: RedisServer, master_port: int) -> None:
    """Make the server a replica; return when it is in sync."""
    password = urlsplit(fault_stack.proxied.redis.url).password or ""
    with redis.Redis.from_url(server.url) as client:
        client.config_set("masterauth", password)
        client.replicaof("127.0.0.1", master_port)
        wait_until(
            lambda: client.info("replication").get("master_link_status") == "up",
            what="the replica's connection to its master",
        )
