"""PostgreSQL ends, is locked, has no room; deliveries come twice, and workers come and go."""

import pytest

from tests.faults import deliveries, postgres_faults
from tests.faults.fault_stack import World
from tests.faults.faults import FAULTS
from tests.faults.schedule import carry_out_alone

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("name", [*postgres_faults.FAULTS, *deliveries.FAULTS])
def test_nothing_is_lost_and_nothing_doubled(broken: World, name: str) -> None:
    if name not in FAULTS:
        pytest.skip("no disk of one's own can be mounted here")
    assert carry_out_alone(broken, name).compared > 0
