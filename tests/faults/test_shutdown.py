"""SIGTERM ends a service with 0 within its grace time, whatever it does, and nothing is left to a
lease.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random

import pytest

from tests.e2e.pipeline import GROUPS
from tests.faults import failpoint, network_faults, postgres_faults, redis_faults
from tests.faults.fault import SERVICES, WORKERS, Fault
from tests.faults.fault_stack import RANGE, World
from tests.faults.making import world
from tests.faults.schedule import SLOW_S
from tests.polling import wait_until

pytestmark = pytest.mark.timeout(300)
CHANCE = Random(0)
GRACE_S = 6.0
LONG_LEASE_S = 600.0
WORK_S = 2.0
TAKES = {service: stream for stream, service in GROUPS.items()}


@pytest.fixture(scope="module")
def waiting_for_no_lease() -> Iterator[World]:
    """A world in which nobody takes over in time what another left."""
    settings = {"MINUANO_LEASE_S": str(LONG_LEASE_S), "MINUANO_SHUTDOWN_TIMEOUT_S": str(GRACE_S)}
    with world(settings) as made:
        yield made


@pytest.fixture
def patient(waiting_for_no_lease: World) -> World:
    """The same with all services ready, samples in the source, and a connector that is slow."""
    waiting_for_no_lease.stack.wait_until_ready()
    waiting_for_no_lease.refill()
    for proxy in waiting_for_no_lease.between("connector"):
        proxy.weather.delay_s = SLOW_S
    return waiting_for_no_lease


@contextmanager
def well(_: World, __: Random) -> Iterator[None]:
    """Nothing is wrong."""
    yield


@contextmanager
def at_work(service: str, world: World, _: Random) -> Iterator[None]:
    """One process of the service handles an entry, and takes a while with it."""
    point = failpoint.HANDLING.format(service)
    world.arm(point, f"sleep {WORK_S}")
    try:
        world.ask(**RANGE)
        wait_until(lambda: not world.is_armed(point), what=f"work of the {service}")
        yield
    finally:
        world.disarm(point)


def _disturbed(server: str, change: str, value: object) -> Callable[[str], Fault]:
    return lambda service: partial(network_faults.weather, f"{service}-{server}", change, value)


STATES: dict[str, tuple[tuple[str, ...], Callable[[str], Fault]]] = {
    "at work": (WORKERS, lambda service: partial(at_work, service)),
    "asked by others": (("connector",), lambda _: well),
    "Redis refuses": (WORKERS, _disturbed("redis", "refuse", True)),
    "Redis is silent": (WORKERS, _disturbed("redis", "silent", True)),
    "Redis is full": (WORKERS, lambda _: redis_faults.full),
    "the target refuses": (("extractor", "loader"), _disturbed("target", "refuse", True)),
    "the target is silent": (("extractor", "loader"), _disturbed("target", "silent", True)),
    "the target is locked": (("loader",), lambda _: partial(postgres_faults.locked, "data")),
    "the source refuses": (("connector",), _disturbed("source", "refuse", True)),
    "the source is silent": (("connector",), _disturbed("source", "silent", True)),
    "the connector is silent": (("extractor",), _disturbed("connector", "silent", True)),
    "the connector drips": (("extractor",), _disturbed("connector", "drip_s", 0.3)),
}


@pytest.mark.parametrize(
    ("state", "service"),
    [(state, service) for state, (services, _) in STATES.items() for service in services],
)
def test_a_service_ends_in_time_and_leaves_nothing_to_a_lease(
    patient: World, state: str, service: str
) -> None:
    job = patient.ask(**RANGE)
    with STATES[state][1](service)(patient, CHANCE):
        if service in WORKERS and "Redis" not in state and state != "at work":
            wait_until(lambda: patient.in_hand(TAKES[service]), what=f"work of the {service}")
        for name in patient.names(service):
            assert patient.stop_and_start(name) == 0
        assert not patient.have_said("lock timeout")  # the lock was not waited for
    if "Redis" in state:  # to which nothing can be given back then
        patient.redis.flushall()
    patient.healed(job)  # far sooner than after a lease


@pytest.mark.parametrize(
    ("service", "server"),
    [
        ("connector", "source"),
        ("extractor", "redis"),
        ("aggregator", "redis"),
        ("loader", "target"),
    ],
)
def test_a_service_that_waits_for_a_server_at_its_start_ends(
    patient: World, service: str, server: str
) -> None:
    with network_faults.weather(f"{service}-{server}", "refuse", True, patient, CHANCE):
        [name, *_] = patient.names(service)
        patient.kill(name)
        wait_until(lambda: patient.have_said("service.waiting"), what="a wait at the start")
        assert patient.stop_and_start(name) == 0


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


def test_all_services_restarted_one_by_one_in_a_backfill_show_nowhere(patient: World) -> None:
    jobs = [patient.ask(**RANGE)]
    for name in patient.names(*SERVICES):
        assert patient.stop_and_start(name) == 0
        patient.stack.wait_until_ready()
        jobs.append(patient.ask_again(**RANGE))
    patient.healed(*jobs)


@pytest.mark.parametrize("service", SERVICES)
def test_an_idle_service_ends(patient: World, service: str) -> None:
    for name in patient.names(service):
        assert patient.stop_and_start(name) == 0
