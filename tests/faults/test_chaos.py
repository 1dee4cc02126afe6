"""Random schedules of all faults, the same ones each time; `make chaos` runs more."""

import pytest

from tests.faults.fault_stack import FaultStack
from tests.faults.schedule import Schedule, run_schedule

pytestmark = pytest.mark.timeout(240)
SEEDS, USUAL = range(20), 4


@pytest.mark.parametrize(
    "seed",
    [*SEEDS[:USUAL], *(pytest.param(seed, marks=pytest.mark.thorough) for seed in SEEDS[USUAL:])],
)
def test_a_random_schedule_changes_nothing(fault_stack: FaultStack, seed: int) -> None:
    outcome = run_schedule(fault_stack, Schedule.draw(seed))
    assert outcome.rows_compared > 0


def test_a_seed_gives_the_same_schedule_again() -> None:
    assert [str(Schedule.draw(n)) for n in SEEDS] == [str(Schedule.draw(n)) for n in SEEDS]
