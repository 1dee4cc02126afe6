"""Random schedules of all faults with fixed seeds; `make chaos` runs more."""

import pytest

from tests.faults import schedule
from tests.faults.fault_stack import FaultStack
from tests.faults.schedule import SCHEDULES_PER_STACK, Schedule, run_schedule

pytestmark = pytest.mark.timeout(240)
SEEDS, DEFAULT_RUNS = range(20), 2
BATCH_SLICES = Schedule.draw(SEEDS[0]).batch_slices


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


def test_the_schedules_of_a_stack_have_batches_of_one_size() -> None:
    assert {Schedule.draw(seed).batch_slices for seed in SEEDS} == {BATCH_SLICES}
    some = range(0, 4 * SCHEDULES_PER_STACK, SCHEDULES_PER_STACK)
    assert {Schedule.draw(seed).batch_slices for seed in some} == set(schedule.BATCH_SLICES)


def test_a_seed_always_gives_the_same_schedule() -> None:
    assert [str(Schedule.draw(n)) for n in SEEDS] == [str(Schedule.draw(n)) for n in SEEDS]
