"""PostgreSQL restarts, is locked or has a full disk; deliveries are duplicated, workers scaled."""

import pytest

from tests.faults import delivery_faults, postgres_faults
from tests.faults.fault_stack import FaultStack
from tests.faults.faults import FAULTS
from tests.faults.schedule import run_single_fault

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("name", [*postgres_faults.FAULTS, *delivery_faults.FAULTS])
def test_no_row_is_lost_or_duplicated(fault_stack: FaultStack, name: str) -> None:
    if name not in FAULTS:
        pytest.skip("this user cannot mount a file system")
    assert run_single_fault(fault_stack, name).rows_compared > 0
