"""What happens to deliveries and to those who take them."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from tests.e2e.pipeline import GROUPS
from tests.faults.fault import Fault
from tests.faults.fault_stack import World


@contextmanager
def doubled(world: World, rng: Random) -> Iterator[None]:
    """What is on the streams is delivered again, in another order."""
    reachable = world.redis_at_hand
    for stream in GROUPS:
        entries: Any = reachable.xrange(f"minuano:{stream}")
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
    "deliveries doubled and shuffled": doubled,
    "workers scaled": scaled,
}
