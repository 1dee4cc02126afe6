"""Faults of processes: killed, terminated, frozen, or killed at a failpoint."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from random import Random

from tests.faults import failpoint
from tests.faults.fault_stack import FaultStack
from tests.faults.fault_types import SERVICES, WORKERS, Fault


def _random_process(fault_stack: FaultStack, rng: Random, service: str) -> str:
    return rng.choice(fault_stack.process_names(service))


@contextmanager
def killed(service: str, fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """Kill a process with SIGKILL at the start and at the end."""
    fault_stack.kill(_random_process(fault_stack, rng, service))
    yield
    fault_stack.kill(_random_process(fault_stack, rng, service))


@contextmanager
def terminated(service: str, fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """SIGTERM during work: the service exits with 0, unless a failpoint kills it first."""
    name = _random_process(fault_stack, rng, service)
    pid = fault_stack.service(name).pid
    code = fault_stack.stop_and_start(name)[name]
    assert code == (-signal.SIGKILL if fault_stack.has_crashed(pid) else 0)
    yield


@contextmanager
def frozen(service: str, fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """Stop a process for longer than its lease, then continue it."""
    name = _random_process(fault_stack, rng, service)
    fault_stack.freeze(name)
    try:
        yield
    finally:
        fault_stack.thaw(name)


@contextmanager
def killed_at(point: str, fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """Kill the first process of the service that reaches the failpoint."""
    fault_stack.arm(point, "kill")
    try:
        yield
    finally:
        fault_stack.disarm_and_restart(point)


POINTS = (
    *(
        point.format(service)
        for service in WORKERS
        for point in (failpoint.HANDLING, failpoint.UNACKNOWLEDGED, failpoint.ACKNOWLEDGED)
    ),
    failpoint.UNCOMMITTED,
    failpoint.UNMARKED,
    failpoint.UNPUBLISHED,
)
FAULTS: dict[str, Fault] = {
    **{f"{service} killed": partial(killed, service) for service in SERVICES},
    **{f"{service} terminated": partial(terminated, service) for service in SERVICES},
    **{f"{service} frozen": partial(frozen, service) for service in SERVICES},
    **{f"killed at {point}": partial(killed_at, point) for point in POINTS},
}
