"""Faults of Redis: killed, emptied, full, stalled, or replaced by a replica that lags behind."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import redis

from tests.e2e.pipeline import GROUPS
from tests.faults.failover import fail_over
from tests.faults.fault_stack import FaultStack
from tests.faults.fault_types import Fault
from tests.faults.signals import send

TAIL_BYTES = 4_000
CLOSED_PORT = ("127.0.0.1", 1)


@contextmanager
def killed(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Kill Redis with SIGKILL; the append-only file keeps all confirmed writes."""
    fault_stack.restart_server(fault_stack.redis_server, signal.SIGKILL)
    yield


@contextmanager
def aof_truncated(fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """A power failure: the end of the append-only file is also lost."""
    server = fault_stack.redis_server
    fault_stack.stop_server(server, signal.SIGKILL)
    # Redis 7 and newer: the last incremental file; older versions: one file.
    [file] = sorted(fault_stack.redis_folder.glob("appendonlydir/*.incr.aof"))[-1:] or [
        fault_stack.redis_folder / "appendonly.aof"
    ]
    os.truncate(file, max(0, file.stat().st_size - rng.randrange(1, TAIL_BYTES)))
    server.start()
    fault_stack.wait_for_servers()
    yield


@contextmanager
def failed_over(fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """Replace Redis by a replica that has missed the last writes."""
    fail_over(fault_stack, lag_s=rng.uniform(0.1, 0.5))
    yield


@contextmanager
def flushed(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Delete all keys with FLUSHALL."""
    fault_stack.healthy_redis.flushall()
    yield


@contextmanager
def stream_deleted(fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    fault_stack.healthy_redis.delete(f"minuano:{rng.choice(list(GROUPS))}")
    yield


@contextmanager
def group_deleted(fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    stream = rng.choice(list(GROUPS))
    with contextlib.suppress(redis.ResponseError):  # the group does not exist yet
        fault_stack.healthy_redis.xgroup_destroy(f"minuano:{stream}", GROUPS[stream])
    yield


@contextmanager
def consumers_removed(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Remove all consumers, as a person does who cleans up, also those that hold entries."""
    client = fault_stack.healthy_redis
    for stream, group in GROUPS.items():
        with contextlib.suppress(redis.ResponseError):  # the group does not exist yet
            for consumer in client.xinfo_consumers(f"minuano:{stream}", group):
                client.xgroup_delconsumer(f"minuano:{stream}", group, consumer["name"])
    yield


@contextmanager
def full(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Redis refuses every write that needs memory."""
    fault_stack.healthy_redis.config_set("maxmemory", "1")
    try:
        yield
    finally:
        fault_stack.healthy_redis.config_set("maxmemory", "0")


@contextmanager
def read_only(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Redis becomes the replica of a server that does not exist."""
    fault_stack.healthy_redis.replicaof(*CLOSED_PORT)
    try:
        yield
    finally:
        fault_stack.healthy_redis.replicaof("NO", "ONE")


@contextmanager
def stalled(fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Redis does not respond."""
    send(fault_stack.redis_server, signal.SIGSTOP)
    try:
        yield
    finally:
        fault_stack.resume_redis()


FAULTS: dict[str, Fault] = {
    "redis killed": killed,
    "redis: append-only file truncated": aof_truncated,
    "redis: failover to a replica that is behind": failed_over,
    "redis flushed": flushed,
    "redis: stream deleted": stream_deleted,
    "redis: group deleted": group_deleted,
    "redis: consumers removed": consumers_removed,
    "redis full": full,
    "redis read-only": read_only,
    "redis stalled": stalled,
}
