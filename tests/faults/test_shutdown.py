"""On SIGTERM a service exits with 0 within its shutdown timeout, in every state, and releases its
entries instead of leaving them until their lease expires.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from random import Random

import pytest

from tests.e2e.pipeline import GROUPS
from tests.faults import failpoint, network_faults, postgres_faults, redis_faults
from tests.faults.fault_stack import RANGE, FaultStack
from tests.faults.fault_types import SERVICES, WORKERS, Fault
from tests.faults.schedule import CONNECTOR_DELAY_S
from tests.faults.stack_setup import running_fault_stack
from tests.polling import wait_until

pytestmark = pytest.mark.timeout(300)
RNG = Random(0)
SHUTDOWN_TIMEOUT_S = 6.0
LONG_LEASE_S = 600.0
WORK_S = 2.0
STREAM_OF = {service: stream for stream, service in GROUPS.items()}


@pytest.fixture(scope="module")
def long_lease_stack() -> Iterator[FaultStack]:
    """A fault stack with a lease so long that no other worker takes an entry over in time."""
    settings = {
        "MINUANO_LEASE_S": str(LONG_LEASE_S),
        "MINUANO_SHUTDOWN_TIMEOUT_S": str(SHUTDOWN_TIMEOUT_S),
    }
    with running_fault_stack(settings) as fault_stack:
        yield fault_stack


@pytest.fixture
def fault_stack(long_lease_stack: FaultStack) -> FaultStack:
    """The stack with all services ready, samples in the source, and a slow connector."""
    long_lease_stack.proxied.wait_until_ready()
    long_lease_stack.reset_data()
    for proxy in long_lease_stack.proxies_of("connector"):
        proxy.disturbance.delay_s = CONNECTOR_DELAY_S
    return long_lease_stack


@contextmanager
def undisturbed(_: FaultStack, __: Random) -> Iterator[None]:
    """No fault."""
    yield


@contextmanager
def at_work(service: str, fault_stack: FaultStack, _: Random) -> Iterator[None]:
    """One process of the service handles an entry for WORK_S seconds."""
    point = failpoint.HANDLING.format(service)
    fault_stack.arm(point, f"sleep {WORK_S}")
    try:
        fault_stack.post_job(**RANGE)
        wait_until(lambda: not fault_stack.is_armed(point), what=f"work of the {service}")
        yield
    finally:
        fault_stack.disarm_and_restart(point)


def _disturbed(server: str, field: str, value: object) -> Callable[[str], Fault]:
    return lambda service: partial(network_faults.disturb, f"{service}-{server}", field, value)


STATES: dict[str, tuple[tuple[str, ...], Callable[[str], Fault]]] = {
    "at work": (WORKERS, lambda service: partial(at_work, service)),
    "used by others": (("connector",), lambda _: undisturbed),
    "the target refuses": (("extractor", "loader"), _disturbed("target", "refuse", True)),
    "the target is silent": (("extractor", "loader"), _disturbed("target", "partitioned", True)),
    "the target is locked": (("loader",), lambda _: partial(postgres_faults.locked, "data")),
    "the source refuses": (("connector",), _disturbed("source", "refuse", True)),
    "the source is silent": (("connector",), _disturbed("source", "partitioned", True)),
    "the connector is silent": (("extractor",), _disturbed("connector", "partitioned", True)),
    "the connector drips": (("extractor",), _disturbed("connector", "drip_s", 0.3)),
}
REDIS_STATES: dict[str, Fault] = {
    "refuses": partial(network_faults.disturb, "redis", "refuse", True),
    "is silent": partial(network_faults.disturb, "redis", "partitioned", True),
    "is full": redis_faults.full,
}
AT_START = {
    "connector": "source",
    "extractor": "redis",
    "aggregator": "redis",
    "loader": "target",
}
"""The server that each service waits for at its start."""


def assert_exit_with_0(fault_stack: FaultStack, names: Sequence[str]) -> None:
    """Stop these processes and start them again."""
    assert fault_stack.stop_and_start(*names) == dict.fromkeys(names, 0)


@pytest.mark.parametrize(
    ("state", "service"),
    [(state, service) for state, (services, _) in STATES.items() for service in services],
)
def test_a_service_exits_and_releases_its_entries(
    fault_stack: FaultStack, state: str, service: str
) -> None:
    job = fault_stack.post_job(**RANGE)
    with STATES[state][1](service)(fault_stack, RNG):
        if service in WORKERS and state != "at work":
            wait_until(
                lambda: fault_stack.pending(STREAM_OF[service]), what=f"work of the {service}"
            )
        assert_exit_with_0(fault_stack, fault_stack.process_names(service))
    fault_stack.wait_until_recovered(job)  # long before the lease expires


@pytest.mark.parametrize("state", REDIS_STATES)
def test_all_workers_exit_without_redis(fault_stack: FaultStack, state: str) -> None:
    job = fault_stack.post_job(**RANGE)
    with REDIS_STATES[state](fault_stack, RNG):
        assert_exit_with_0(fault_stack, fault_stack.process_names(*WORKERS))
    fault_stack.redis.flushall()  # the entries could not be released
    fault_stack.wait_until_recovered(job)


def test_services_that_wait_for_a_server_at_start_up_exit_with_0(fault_stack: FaultStack) -> None:
    names = [fault_stack.process_names(service)[0] for service in AT_START]
    with ExitStack() as faults:
        for service, server in AT_START.items():
            refused = network_faults.disturb(
                f"{service}-{server}", "refuse", True, fault_stack, RNG
            )
            faults.enter_context(refused)
        for name in names:
            fault_stack.kill(name)
        for name in names:
            wait_until(
                partial(fault_stack.count_in_log, name, "service.waiting"),
                what=f"a wait of {name} for its server",
            )
        assert_exit_with_0(fault_stack, names)


@pytest.mark.cold
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_still_importing_exits_with_0(service: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", f"services.{service}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as starting:
        assert starting.stderr
        # The import after this one shows that the handlers are set; many imports follow.
        next(line for line in starting.stderr if line.endswith("| shared.startup\n"))
        next(starting.stderr)
        starting.terminate()
        starting.stderr.read()
    assert starting.returncode == 0


def test_restarting_all_services_during_a_backfill_does_not_change_the_result(
    fault_stack: FaultStack,
) -> None:
    jobs = [fault_stack.post_job(**RANGE)]
    for name in fault_stack.process_names(*SERVICES):
        assert_exit_with_0(fault_stack, [name])
        fault_stack.proxied.wait_until_ready()
        jobs.append(fault_stack.post_job_with_retries(**RANGE))
    fault_stack.wait_until_recovered(*jobs)


def test_idle_services_exit_with_0(fault_stack: FaultStack) -> None:
    assert_exit_with_0(fault_stack, fault_stack.process_names(*SERVICES))
