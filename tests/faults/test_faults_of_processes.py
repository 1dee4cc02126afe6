"""Services that are killed, ended, frozen, struck at exact lines: nothing changes in the result."""

import pytest

from tests.faults import processes
from tests.faults.fault_stack import World
from tests.faults.schedule import carry_out_alone

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("name", processes.FAULTS)
def test_nothing_is_lost_and_nothing_doubled(broken: World, name: str) -> None:
    assert carry_out_alone(broken, name).compared > 0
