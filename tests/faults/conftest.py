"""One fault stack for each file: pytest-xdist gives a file to one worker, so the faults are four
files.
"""

from collections.abc import Iterator

import pytest

from tests.faults.fault_stack import FaultStack
from tests.faults.stack_setup import running_fault_stack


@pytest.fixture(scope="module")
def fault_stack() -> Iterator[FaultStack]:
    with running_fault_stack() as made:
        yield made
