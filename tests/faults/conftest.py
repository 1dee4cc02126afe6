"""A stack to be broken, one for each file."""

from collections.abc import Iterator

import pytest

from tests.faults.fault_stack import World
from tests.faults.making import world


@pytest.fixture(scope="module")
def broken() -> Iterator[World]:
    with world() as made:
        yield made
