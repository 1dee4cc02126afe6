"""What happens to Redis: ended, emptied, full, stalled, and followed by one that knows less."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import redis

from tests.e2e.pipeline import GROUPS
from tests.faults.failover import fail_over
from tests.faults.fault import Fault
from tests.faults.fault_stack import World
from tests.faults.signals import send

TAIL_BYTES = 4_000
NOWHERE = ("127.0.0.1", 1)


@contextmanager
def killed(world: World, _: Random) -> Iterator[None]:
    """SIGKILL; the append-only file has what was acknowledged."""
    world.restart(world.redis_server, signal.SIGKILL)
    yield


@contextmanager
def aof_truncated(world: World, rng: Random) -> Iterator[None]:
    """A power cut: the tail of the append-only file is lost too."""
    server = world.redis_server
    world.end(server, signal.SIGKILL)
    # A file of its own before Redis 7, the last increment since.
    [file] = sorted(world.redis_folder.glob("appendonlydir/*.incr.aof"))[-1:] or [
        world.redis_folder / "appendonly.aof"
    ]
    os.truncate(file, max(0, file.stat().st_size - rng.randrange(1, TAIL_BYTES)))
    server.start()
    world.wait_for_servers()
    yield


@contextmanager
def followed(world: World, rng: Random) -> Iterator[None]:
    """A replica that misses the last writes takes its place."""
    fail_over(world, behind_s=rng.uniform(0.1, 0.5))
    yield


@contextmanager
def flushed(world: World, _: Random) -> Iterator[None]:
    """FLUSHALL."""
    world.redis_at_hand.flushall()
    yield


@contextmanager
def stream_deleted(world: World, rng: Random) -> Iterator[None]:
    world.redis_at_hand.delete(f"minuano:{rng.choice(list(GROUPS))}")
    yield


@contextmanager
def group_deleted(world: World, rng: Random) -> Iterator[None]:
    stream = rng.choice(list(GROUPS))
    with contextlib.suppress(redis.ResponseError):  # nobody has made it yet
        world.redis_at_hand.xgroup_destroy(f"minuano:{stream}", GROUPS[stream])
    yield


@contextmanager
def full(world: World, _: Random) -> Iterator[None]:
    """Every write that needs memory is refused."""
    world.redis_at_hand.config_set("maxmemory", "1")
    try:
        yield
    finally:
        world.redis_at_hand.config_set("maxmemory", "0")


@contextmanager
def read_only(world: World, _: Random) -> Iterator[None]:
    """It becomes the replica of a server that is not there."""
    world.redis_at_hand.replicaof(*NOWHERE)
    try:
        yield
    finally:
        world.redis_at_hand.replicaof("NO", "ONE")


@contextmanager
def stalled(world: World, _: Random) -> Iterator[None]:
    """It answers nobody."""
    send(world.redis_server, signal.SIGSTOP)
    try:
        yield
    finally:
        world.let_redis_go_on()


FAULTS: dict[str, Fault] = {
    "redis killed": killed,
    "redis: append-only file truncated": aof_truncated,
    "redis: failover to a replica that is behind": followed,
    "redis flushed": flushed,
    "redis: stream deleted": stream_deleted,
    "redis: group deleted": group_deleted,
    "redis full": full,
    "redis read-only": read_only,
    "redis stalled": stalled,
}
