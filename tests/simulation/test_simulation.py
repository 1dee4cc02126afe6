"""Schedules of the simulation have the right result, and planted faults are found."""

from collections.abc import Iterator

import pytest

from tests.simulation.planted import FOUND_AT, PLANTED, WITHIN
from tests.simulation.schedule import Schedule, Violation, is_wrong
from tests.simulation.system import Simulator

SCHEDULES = 2_000


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    made = Simulator()
    with made.patched():
        yield made


def test_no_schedule_has_a_wrong_result(simulator: Simulator) -> None:
    for seed in range(SCHEDULES):
        schedule = Schedule(simulator, seed)
        try:
            schedule.run()
        except Violation as violation:
            pytest.fail(f"{schedule}: {violation}")


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(simulator: Simulator, name: str) -> None:
    seeds = ((FOUND_AT[name] + n) % WITHIN for n in range(WITHIN))
    with PLANTED[name]():
        assert any(is_wrong(simulator, seed) for seed in seeds)


def test_a_seed_always_gives_the_same_schedule(simulator: Simulator) -> None:
    ends = []
    for _ in range(2):
        schedule = Schedule(simulator, 3)
        schedule.run()
        ends.append((schedule.happened, schedule.system.world.now))
    assert ends[0] == ends[1]
