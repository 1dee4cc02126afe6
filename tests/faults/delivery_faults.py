"""What happens to deliveries and to those who take them."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from tests.e2e.pipeline import GROUPS
from tests.faults.fault_stack import FaultStack
from tests.faults.fault_types import Fault


@contextmanager
def duplicated(fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """What is on the streams is delivered again, in another order."""
    reachable = fault_stack.healthy_redis
    for stream in GROUPS:
        entries: Any = reachable.xrange(f"minuano:{stream}")
        rng.shuffle(entries)
        if entries:
            fault_stack.add(f"minuano:{stream}", entries)
    yield


@contextmanager
def scaled(fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """Workers come and go."""
    for service in ("aggregator", "loader"):
        fault_stack.scale(service, rng.choice((1, 3)))
    yield
    for service in ("aggregator", "loader"):
        fault_stack.scale(service, 2)


FAULTS: dict[str, Fault] = {
    "deliveries doubled and shuffled": duplicated,
    "workers scaled": scaled,
}
