"""Services that are killed, ended, frozen, and that die at exact lines."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from random import Random

from tests.faults import failpoint
from tests.faults.fault import SERVICES, WORKERS, Fault
from tests.faults.fault_stack import World


def _one(world: World, rng: Random, service: str) -> str:
    return rng.choice(world.names(service))


@contextmanager
def killed(service: str, world: World, rng: Random) -> Iterator[None]:
    """SIGKILL, and again at the end."""
    world.kill(_one(world, rng, service))
    yield
    world.kill(_one(world, rng, service))


@contextmanager
def terminated(service: str, world: World, rng: Random) -> Iterator[None]:
    """SIGTERM in the middle of work ends a service with 0, unless it is struck on its way."""
    name = _one(world, rng, service)
    pid = world.service(name).pid
    code = world.stop_and_start(name)
    assert code == (-signal.SIGKILL if world.was_struck(pid) else 0)
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


@contextmanager
def killed_at(point: str, world: World, _: Random) -> Iterator[None]:
    """SIGKILL at the line, as soon as a process of the service comes there."""
    world.arm(point, "kill")
    try:
        yield
    finally:
        world.disarm(point)


POINTS = (
    *(
        point.format(service)
        for service in WORKERS
        for point in (failpoint.HANDLING, failpoint.UNACKNOWLEDGED, failpoint.ACKNOWLEDGED)
    ),
    failpoint.UNCOMMITTED.format("extractor"),
    failpoint.UNCOMMITTED.format("loader"),
    failpoint.UNPUBLISHED,
)
FAULTS: dict[str, Fault] = {
    **{f"{service} killed": partial(killed, service) for service in SERVICES},
    **{f"{service} terminated": partial(terminated, service) for service in SERVICES},
    **{f"{service} frozen": partial(frozen, service) for service in SERVICES},
    **{f"killed at {point}": partial(killed_at, point) for point in POINTS},
}
