"""Everything that can go wrong, by name: each fault lasts as long as its block, then it heals."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from random import Random

import psycopg2
import redis

from tests.faults.world import World

Fault = Callable[[World, Random], AbstractContextManager[None]]

WORKERS = ("extractor", "aggregator", "loader")
SERVICES = ("connector", *WORKERS)
GROUPS = {"jobs": "extractor", "raw": "aggregator", "stats": "loader"}
TAIL_BYTES = 4_000
NOWHERE = ("127.0.0.1", 1)


def _one(world: World, rng: Random, *services: str) -> str:
    return rng.choice(world.names(*services))


@contextmanager
def killed(service: str, world: World, rng: Random) -> Iterator[None]:
    """SIGKILL, and again at the end."""
    world.kill(_one(world, rng, service))
    yield
    world.kill(_one(world, rng, service))


@contextmanager
def terminated(service: str, world: World, rng: Random) -> Iterator[None]:
    """SIGTERM in the middle of work ends a service with 0."""
    assert world.stop_and_start(_one(world, rng, service)) == 0
    yield


@contextmanager
def frozen(service: str, world: World, rng: Random) -> Iterator[None]:
    """A zombie: stopped past its lease, and then it goes on."""
    name = _one(world, rng, service)
    world.freeze(name)
    try:
        yield
    finally:
        world.thaw(name)


# -- what lies between


@contextmanager
def weather(link: str, change: str, value: object, world: World, _: Random) -> Iterator[None]:
    """The connection to one server is disturbed."""
    setattr(world.proxies[link].weather, change, value)
    if change == "refuse":
        world.proxies[link].cut()
    try:
        yield
    finally:
        world.proxies[link].clear()


@contextmanager
def cut(link: str, world: World, rng: Random) -> Iterator[None]:
    """Every connection is closed, again and again."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(rng.uniform(0.05, 0.3)):
            world.proxies[link].cut()

    cutting = threading.Thread(target=work, daemon=True)
    cutting.start()
    try:
        yield
    finally:
        ended.set()
        cutting.join()


# -- Redis


@contextmanager
def redis_killed(world: World, _: Random) -> Iterator[None]:
    """SIGKILL; the append-only file has what was acknowledged."""
    world.restart(world.redis_server, signal.SIGKILL)
    yield


@contextmanager
def aof_truncated(world: World, rng: Random) -> Iterator[None]:
    """A power cut: the tail of the append-only file is lost too."""
    server = world.redis_server
    [file] = _append_only_files(Path(world.addresses.folder) / "redis")
    os.kill(server.pid or 0, signal.SIGKILL)
    assert server.process
    server.process.wait(timeout=20)
    size = file.stat().st_size
    os.truncate(file, max(0, size - rng.randrange(1, TAIL_BYTES)))
    server.start()
    world.wait_for_servers()
    yield


def _append_only_files(folder: Path) -> list[Path]:
    """The one that grows: a file of its own before Redis 7, the last increment since."""
    increments = sorted(folder.glob("appendonlydir/*.incr.aof"))
    return increments[-1:] or [folder / "appendonly.aof"]


@contextmanager
def flushed(world: World, _: Random) -> Iterator[None]:
    """FLUSHALL."""
    world.redis.flushall()
    yield


@contextmanager
def stream_deleted(world: World, rng: Random) -> Iterator[None]:
    world.redis.delete(f"minuano:{rng.choice(list(GROUPS))}")
    yield


@contextmanager
def group_deleted(world: World, rng: Random) -> Iterator[None]:
    stream = rng.choice(list(GROUPS))
    with contextlib.suppress(redis.ResponseError):  # nobody has made it yet
        world.redis.xgroup_destroy(f"minuano:{stream}", GROUPS[stream])
    yield


@contextmanager
def redis_full(world: World, _: Random) -> Iterator[None]:
    """Every write that needs memory is refused."""
    world.redis.config_set("maxmemory", "1")
    try:
        yield
    finally:
        world.redis.config_set("maxmemory", "0")


@contextmanager
def redis_read_only(world: World, _: Random) -> Iterator[None]:
    """It becomes the replica of a server that is not there."""
    world.redis.replicaof(*NOWHERE)
    try:
        yield
    finally:
        world.redis.replicaof("NO", "ONE")


@contextmanager
def redis_stalled(world: World, _: Random) -> Iterator[None]:
    """It answers nobody but us, who end it."""
    os.kill(world.redis_server.pid or 0, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(world.redis_server.pid or 0, signal.SIGCONT)


# -- PostgreSQL


@contextmanager
def backends_terminated(world: World, _: Random) -> Iterator[None]:
    world.in_target(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name LIKE 'minuano-%'"
    )
    yield


@contextmanager
def postgres_restarted(world: World, _: Random) -> Iterator[None]:
    """Ended as by `pg_ctl stop -m immediate`: it recovers from its log."""
    world.restart(world.postgres, signal.SIGQUIT)
    yield


@contextmanager
def table_locked(world: World, rng: Random) -> Iterator[None]:
    """Somebody holds a table of the target."""
    table = rng.choice(("data", "signal", "quality", "etl.slice"))
    connection = psycopg2.connect(world.target_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        connection.close()


# -- deliveries


@contextmanager
def doubled(world: World, rng: Random) -> Iterator[None]:
    """What is on the streams is delivered again, in another order."""
    for stream in GROUPS:
        entries = world.waiting(f"minuano:{stream}", 0)
        rng.shuffle(entries)
        if entries:
            world.add(f"minuano:{stream}", entries)
    yield


@contextmanager
def scaled(world: World, rng: Random) -> Iterator[None]:
    """Workers come and go."""
    for service in ("aggregator", "loader"):
        world.scale(service, rng.choice((1, 3)))
    yield
    for service in ("aggregator", "loader"):
        world.scale(service, 2)


FAULTS: dict[str, Fault] = {
    **{f"{service} killed": partial(killed, service) for service in SERVICES},
    **{f"{service} terminated": partial(terminated, service) for service in SERVICES},
    **{f"{service} frozen": partial(frozen, service) for service in SERVICES},
    **{
        f"{link}: {name}": partial(weather, link, change, value)
        for link in ("redis", "target", "source", "connector")
        for name, change, value in (
            ("refused", "refuse", True),
            ("partition", "silent", True),
            ("reply lost", "lose_replies", True),
        )
    },
    **{f"{link}: cut": partial(cut, link) for link in ("redis", "target", "source", "connector")},
    "connector: body cut": partial(weather, "connector", "reply_bytes", 9_000),
    "connector: slow": partial(weather, "connector", "delay_s", 0.2),
    "redis killed": redis_killed,
    "redis: append-only file truncated": aof_truncated,
    "redis flushed": flushed,
    "redis: stream deleted": stream_deleted,
    "redis: group deleted": group_deleted,
    "redis full": redis_full,
    "redis read-only": redis_read_only,
    "redis stalled": redis_stalled,
    "postgres: backends terminated": backends_terminated,
    "postgres restarted": postgres_restarted,
    "postgres: table locked": table_locked,
    "deliveries doubled and shuffled": doubled,
    "workers scaled": scaled,
}
