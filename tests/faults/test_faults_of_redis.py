"""Redis ends, forgets, stalls, fills up, and is followed by one that knows less."""

import pytest

from tests.faults import redis_faults
from tests.faults.fault_stack import World
from tests.faults.schedule import carry_out_alone

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("name", redis_faults.FAULTS)
def test_nothing_is_lost_and_nothing_doubled(broken: World, name: str) -> None:
    assert carry_out_alone(broken, name).compared > 0
