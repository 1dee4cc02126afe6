"""Random schedules of all faults with fixed seeds; `make chaos` runs more."""

import pytest

from tests.faults.fault_stack import FaultStack
from tests.faults.schedule import Schedule, run_schedule

pytestmark = pytest.mark.timeout(240)
SEEDS, DEFAULT_RUNS = range(20), 4


@pytest.mark.parametrize(
    "seed",
    [
        *SEEDS[:DEFAULT_RUNS],
        *(pytest.param(seed, marks=pytest.mark.thorough) for seed in SEEDS[DEFAULT_RUNS:]),
    ],
)
def test_a_random_schedule_of_faults_does_not_change_the_result(
    fault_stack: FaultStack, seed: int
) -> None:
    outcome = run_schedule(fault_stack, Schedule.draw(seed))
    assert outcome.rows_compared > 0


def test_a_seed_always_gives_the_same_schedule() -> None:
    assert [str(Schedule.draw(n)) for n in SEEDS] == [str(Schedule.draw(n)) for n in SEEDS]
