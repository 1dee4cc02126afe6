"""Faults of deliveries and workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from tests.e2e.pipeline import GROUPS
from tests.faults.fault_stack import FaultStack
from tests.faults.fault_types import Fault


@contextmanager
def duplicated(fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """Deliver the entries of all streams again, in random order."""
    client = fault_stack.healthy_redis
    for stream in GROUPS:
        entries: Any = client.xrange(f"minuano:{stream}")
        rng.shuffle(entries)
        if entries:
            fault_stack.add(f"minuano:{stream}", entries)
    yield


@contextmanager
def scaled(fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """Change the number of workers."""
    for service in ("aggregator", "loader"):
        fault_stack.scale(service, rng.choice((1, 3)))
    yield
    for service in ("aggregator", "loader"):
        fault_stack.scale(service, 2)


FAULTS: dict[str, Fault] = {
    "deliveries doubled and shuffled": duplicated,
    "workers scaled": scaled,
}
