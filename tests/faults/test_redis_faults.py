"""Redis is killed, loses data, stalls, is full, or fails over to a replica that lags behind."""

import pytest

from tests.faults import redis_faults
from tests.faults.fault_stack import FaultStack
from tests.faults.schedule import run_single_fault

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("name", redis_faults.FAULTS)
def test_no_row_is_lost_or_duplicated(fault_stack: FaultStack, name: str) -> None:
    assert run_single_fault(fault_stack, name).rows_compared > 0
