"""Each fault of the protocol by name: it changes nothing in the result, and is healed by itself."""

import zlib

import pytest

from tests.faults.faults import FAULTS
from tests.faults.schedule import Schedule, carry_out
from tests.faults.world import World

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost_and_nothing_doubled(broken: World, name: str) -> None:
    outcome = carry_out(broken, Schedule(zlib.crc32(name.encode()), [name]))
    assert outcome.compared > 0
