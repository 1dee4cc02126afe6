"""Connections that are refused, cut, partitioned or slow; responses that are lost or wrong."""

import pytest

from tests.faults import network_faults
from tests.faults.fault_stack import FaultStack
from tests.faults.schedule import run_single_fault

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("name", network_faults.FAULTS)
def test_no_row_is_lost_or_duplicated(fault_stack: FaultStack, name: str) -> None:
    assert run_single_fault(fault_stack, name).rows_compared > 0
