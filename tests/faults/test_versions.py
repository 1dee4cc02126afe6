"""Random jobs while the source changes: each window has the version that it must have."""

import pytest

from tests.faults.fault_stack import FaultStack
from tests.faults.versions import Versions

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(1, 10))]
)
def test_no_window_is_older_than_the_newest_done_job(fault_stack: FaultStack, seed: int) -> None:
    assert Versions(fault_stack, seed).run().rows_compared > 0
