"""Services that are killed, ended, frozen, and that die at exact lines."""

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
    """SIGKILL, and again at the end."""
    fault_stack.kill(_random_process(fault_stack, rng, service))
    yield
    fault_stack.kill(_random_process(fault_stack, rng, service))


@contextmanager
def terminated(service: str, fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """SIGTERM in the middle of work ends a service with 0, unless a failpoint kills it first."""
    name = _random_process(fault_stack, rng, service)
    pid = fault_stack.service(name).pid
    code = fault_stack.stop_and_start(name)
    assert code == (-signal.SIGKILL if fault_stack.has_crashed(pid) else 0)
    yield


@contextmanager
def frozen(service: str, fault_stack: FaultStack, rng: Random) -> Iterator[None]:
    """A zombie: stopped past its lease, and then it goes on."""
    name = _random_process(fault_stack, rng, service)
    fault_stack.freeze(name)
    try:
        yield
    finally:
        fault_stack.thaw(name)


@contextmanager
def killed_at(point: str, fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """SIGKILL at the line, as soon as a process of the service comes there."""
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
