"""One fault stack for each test file. pytest-xdist gives a file to one worker, so the faults are in
four files.
"""

from collections.abc import Iterator

import pytest

from tests.faults.fault_stack import FaultStack
from tests.faults.stack_setup import running_fault_stack


@pytest.fixture(scope="module")
def fault_stack() -> Iterator[FaultStack]:
    with running_fault_stack() as fault_stack:
        yield fault_stack
